// Conditional writes of the model: decided on what is visible now.
import { failure } from './metamorphic-answers.ts'
import { indexOf } from './metamorphic-keys.ts'
import type { Entry, Model } from './metamorphic-model.ts'
import type { Condition, Conditional } from './metamorphic-program.ts'

/** `slots`: what getEntry found. */
export function decide(model: Model, operation: Conditional, slots: readonly (Entry | undefined)[]): string {
  const { space, key } = operation
  const index = indexOf(key)
  const entry = model.at(space, index, model.now)
  const holds = (condition: Condition): boolean => {
    const isSo = isMet(entry, condition, slots)
    if (isSo) model.counts.conditionsHeld++
    return isSo
  }
  switch (operation.do) {
    case 'putIf':
      if (!holds(operation.condition)) return 'false'
      model.push(space, index, operation.value, model.expiresAt(operation.expiry))
      return 'true'
    case 'delIf':
      if (!holds(operation.condition)) return 'false'
      model.push(space, index, undefined, 0)
      return 'true'
    case 'increment': {
      const before = entry?.value ?? '0'
      if (!/^-?\d{1,16}$/.test(before)) return failure('VARVE_INVALID_ARGUMENT')
      const sum = Number(before) + operation.by
      model.push(space, index, String(sum), entry?.expiresAt ?? 0)
      return String(sum)
    }
    case 'touch':
    case 'persist': {
      if (entry === undefined) return 'false'
      const expiresAt = operation.do === 'touch' ? model.expiresAt(operation.expiry) : 0
      // What would change nothing is not written.
      if (expiresAt !== entry.expiresAt) model.push(space, index, entry.value, expiresAt)
      return 'true'
    }
  }
}

function isMet(entry: Entry | undefined, condition: Condition, slots: readonly (Entry | undefined)[]): boolean {
  if ('absent' in condition) return entry === undefined
  if ('value' in condition) return entry?.value === condition.value
  const remembered = slots[condition.slot]
  if (remembered === undefined) return entry === undefined
  return condition.by === 'value' ? entry?.value === remembered.value : entry?.sequence === remembered.sequence
}
