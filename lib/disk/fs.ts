// The one door to the disk, TypeScript side: a file system and the executor that its calls run on.

import native from '#native'
import { nativeCode, toVarveError, VarveError } from '../errors.ts'
import { outcome } from './jobs.ts'

export type Stat = native.Stat

/** A file that only grows: the manifest. */
export class AppendFile {
  readonly #executor: native.Executor
  readonly #file: native.AppendFile

  constructor(executor: native.Executor, file: native.AppendFile) {
    this.#executor = executor
    this.#file = file
  }

  /** Written after what is there and on disk when it resolves. */
  append(bytes: Uint8Array): Promise<void> {
    return outcome(native.append(this.#executor, this.#file, bytes))
  }

  close(): void {
    native.release(this.#file)
  }
}

export class Disk {
  readonly fs: native.FileSystem
  readonly executor: native.Executor

  constructor(fs: native.FileSystem, executor: native.Executor) {
    this.fs = fs
    this.executor = executor
  }

  readFile(path: string, bytesMax = 1 << 30): Promise<Buffer> {
    return outcome(native.readFile(this.executor, this.fs, path, bytesMax))
  }

  /** Created or replaced, and on disk; its name is not until the directory is synced. */
  writeFile(path: string, bytes: Uint8Array): Promise<void> {
    return outcome(native.writeFile(this.executor, this.fs, path, bytes))
  }

  rename(from: string, to: string): Promise<void> {
    return outcome(native.rename(this.executor, this.fs, from, to))
  }

  unlink(path: string): Promise<void> {
    return outcome(native.unlink(this.executor, this.fs, path))
  }

  /** Another name of the same file; durable once its directory is synced. */
  link(from: string, to: string): Promise<void> {
    return outcome(native.link(this.executor, this.fs, from, to))
  }

  /** Reads the whole file for its size and checksum. */
  checksumFile(path: string, signal?: AbortSignal): Promise<native.FileSum> {
    return outcome(native.checksumFile(this.executor, this.fs, path), signal)
  }

  /** Copied, and on disk, with the checksum of what was read; its name is not until the directory is synced. */
  copyFile(from: string, to: string, signal?: AbortSignal): Promise<native.FileSum> {
    return outcome(native.copyFile(this.executor, this.fs, from, to), signal)
  }

  makeDirectory(path: string): Promise<void> {
    return outcome(native.makeDirectory(this.executor, this.fs, path))
  }

  removeDirectory(path: string): Promise<void> {
    return outcome(native.removeDirectory(this.executor, this.fs, path))
  }

  syncDirectory(path: string): Promise<void> {
    return outcome(native.syncDirectory(this.executor, this.fs, path))
  }

  list(path: string): Promise<string[]> {
    return outcome(native.list(this.executor, this.fs, path))
  }

  stat(path: string): Promise<Stat> {
    return outcome(native.stat(this.executor, this.fs, path))
  }

  /** undefined where nothing is at the path. */
  async statIfThere(path: string): Promise<Stat | undefined> {
    try {
      return await this.stat(path)
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  freeBytes(path: string): Promise<number> {
    return outcome(native.freeBytes(this.executor, this.fs, path))
  }

  lock(path: string, exclusive: boolean, owner: string): Promise<native.Lock> {
    return outcome(native.lock(this.executor, this.fs, path, exclusive, owner))
  }

  async openAppend(path: string, exists: boolean): Promise<AppendFile> {
    const file = await outcome(native.openAppend(this.executor, this.fs, path, exists ? 0 : 1))
    return new AppendFile(this.executor, file)
  }

  describeSegment(path: string): Promise<string> {
    return outcome(native.describeSegment(this.executor, this.fs, path))
  }
}

/** Whether the data plane said that a file is not there. */
export function isNotFound(error: unknown): boolean {
  return nativeCode(error) === 'NOT_FOUND'
}

/** Whether it failed because the disk is full. */
export function isFull(error: unknown): error is VarveError {
  return error instanceof VarveError && error.code === 'VARVE_DISK_FULL'
}

/** Runs a synchronous call of the data plane; its errors come as VarveError. */
export function attempt<Result>(call: () => Result): Result {
  try {
    return call()
  } catch (error) {
    throw toVarveError(error)
  }
}
