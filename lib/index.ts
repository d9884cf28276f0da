// varve's public surface.

export type { CallEncodings, Codec, KeyEncoding, KeyOf, ValueEncoding, ValueOf } from './bytes/encodings.ts'
export type { OrderedKey } from './bytes/ordered.ts'
export type { Backup, BackupOptions } from './copies/backup.ts'
export {
  type BackupInfo,
  backups,
  type Pruned,
  type PruneOptions,
  pruneBackups,
  type VerifiedBackup,
  type VerifyBackupOptions,
  verifyBackup
} from './copies/backups.ts'
export type { Checkpoint } from './copies/checkpoint.ts'
export type { DamagedFile, KeyBound, Lost, LostKeys, LostWrites } from './copies/repair/lost.ts'
export { type Repair, type RepairOptions, repair } from './copies/repair.ts'
export { type Restored, type RestoreOptions, restore } from './copies/restore.ts'
export type { CopyOptions } from './copies/stop.ts'
export type { Database } from './database.ts'
export { type ErrorCode, errorCodes, VarveError } from './errors.ts'
export { type Verification, type VerifiedFile, type VerifyOptions, verify } from './inspect.ts'
export { open } from './open.ts'
export type { Durability, LimitOptions, Logger, OpenOptions } from './options.ts'
export type { Iterator } from './read/items.ts'
export type { IteratorOptions, RangeOptions } from './read/iterator.ts'
export type { Snapshot } from './read/snapshot.ts'
export type { Space } from './space.ts'
export type {
  ClearOptions,
  Condition,
  CountOptions,
  Decided,
  Entry,
  FirstOptions,
  PutOptions,
  ReadOptions,
  WriteOptions
} from './space-options.ts'
export type { Stats } from './stats.ts'
export type { HealthState } from './tree/health.ts'
export type { ExpiryOptions } from './write/expiry.ts'
export type { AnyOperation, BatchOperation, KeyOperation } from './write/operations.ts'
export type { Transaction } from './write/transaction.ts'
export type { TransactionOptions } from './write/transactions.ts'
