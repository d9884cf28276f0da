// Calls on directories that nobody has open bring a disk of their own, and give it back.

import native from '#native'
import { Disk } from '../disk/fs.ts'
import { type Environment, realEnvironment } from '../options.ts'

export async function withDisk<Result>(
  use: (disk: Disk, environment: Environment) => Promise<Result>,
  environmentOf: () => Environment = realEnvironment
): Promise<Result> {
  const environment = environmentOf()
  try {
    return await use(new Disk(environment.fs, environment.executor), environment)
  } finally {
    native.release(environment.executor)
  }
}
