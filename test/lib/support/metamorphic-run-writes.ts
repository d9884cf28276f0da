// The writes of a metamorphic program, as a database gets them.
import type { BatchOperation, Condition as LibraryCondition, Space } from '../../../lib/index.ts'
import type { Bytes } from './metamorphic-database.ts'
import type { Change, Condition, Conditional, Write } from './metamorphic-program.ts'
import type { RunState } from './metamorphic-run.ts'

export function writeChange(state: RunState, change: Change, sync: boolean): Promise<void> {
  const { coding } = state
  const space = state.space(change.space)
  if (change.do === 'deleteRange') return space.deleteRange(coding.range(change.range), { sync })
  const key = coding.key(change.key)
  if (change.do === 'del') return space.del(key, { sync })
  return space.put(key, coding.value(change.value), { sync, ...change.expiry })
}

export function write(state: RunState, operation: Write): Promise<void> {
  const sync = operation.sync === true
  if (operation.do !== 'batch') return writeChange(state, operation, sync)
  const operations = operation.changes.map((change) => batchOperation(state, change))
  return state.db.batch(operations, { sync })
}

type SpacedOperation = BatchOperation<Bytes, Bytes> & { readonly space: Space<Bytes, Bytes> }

function batchOperation(state: RunState, change: Change): SpacedOperation {
  const { coding } = state
  const space = state.space(change.space)
  if (change.do === 'deleteRange') return { type: 'deleteRange', range: coding.range(change.range), space }
  const key = coding.key(change.key)
  if (change.do === 'del') return { type: 'del', key, space }
  return { type: 'put', key, value: coding.value(change.value), ...change.expiry, space }
}

export async function conditional(state: RunState, operation: Conditional): Promise<string> {
  const { coding } = state
  const space = state.space(operation.space)
  const key = coding.key(operation.key)
  switch (operation.do) {
    case 'putIf': {
      const { value, condition, expiry } = operation
      return String(await space.putIf(key, coding.value(value), conditionOf(state, condition), { ...expiry }))
    }
    case 'delIf':
      return String(await space.delIf(key, conditionOf(state, operation.condition)))
    case 'increment':
      return String(await space.increment(key, operation.by))
    case 'touch':
      return String(await space.touch(key, operation.expiry))
    case 'persist':
      return String(await space.persist(key))
  }
}

function conditionOf({ coding, slots }: RunState, condition: Condition): LibraryCondition<Bytes> {
  if ('absent' in condition) return condition
  if ('value' in condition) return { value: coding.value(condition.value) }
  const remembered = slots[condition.slot]
  if (remembered === undefined) return { absent: true }
  if (condition.by === 'sequence') return { sequence: remembered.sequence }
  return { value: coding.value(remembered.value) }
}
