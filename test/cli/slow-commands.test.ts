// Slow commands in the log: one line a second, without keys and values.
import { expect, test } from 'vitest'
import { slowCommands } from '../../server/cli/slow-commands.ts'
import { SlowLog } from '../../server/slow-log.ts'

test('one line a second, with the number of those that were left out', () => {
  let nowMs = 5_000
  const lines: object[] = []
  const slowLog = new SlowLog(slowCommands({ warn: (line: object) => void lines.push(line) }, () => nowMs))
  const slow = (command: string) =>
    slowLog.add({ atMs: nowMs, micros: 12_345, words: [command, 'secret key'], address: '10.0.0.1:5', clientName: '' })
  slow('get')
  slow('set')
  nowMs += 999
  slow('mget')
  nowMs += 1
  slow('keys')
  nowMs += 60_000
  slow('del')
  expect(lines).toEqual([
    { command: 'get', micros: 12_345, client: '10.0.0.1:5' },
    { command: 'keys', micros: 12_345, client: '10.0.0.1:5', others: 2 },
    { command: 'del', micros: 12_345, client: '10.0.0.1:5' }
  ])
  expect(slowLog.length).toBe(5)
})
