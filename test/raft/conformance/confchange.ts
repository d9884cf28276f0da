// The files of membership changes: one membership, changed step by step, with the progress of its members.

import {
  type ChangeFault,
  type ChangeResult,
  enterJoint,
  leaveJoint,
  simple
} from '../../../server/raft/core/membership.ts'
import { Tracker } from '../../../server/raft/core/tracker.ts'
import { booleanOf, type Directive } from './script.ts'
import { configText, parseChanges, progressText } from './text.ts'

const faultTexts: Readonly<Record<ChangeFault, string>> = {
  alreadyJoint: 'config is already joint',
  notJoint: "can't leave a non-joint config",
  simpleWhileJoint: "can't apply simple config change in joint config",
  noVotersToJoin: "can't make a zero-voter config joint",
  removesAllVoters: 'removed all voters',
  changesManyVoters: 'more than one voter changed without entering joint config'
}

export class MembershipChanges {
  readonly #tracker = new Tracker({ inflightMessagesMax: 10, inflightBytesMax: Number.POSITIVE_INFINITY })
  #lastIndex = -1

  run(directive: Directive): string {
    // The next index to probe tells in which step a member came.
    this.#lastIndex++
    const result = this.#change(directive)
    if (result.fault !== undefined) return faultTexts[result.fault]
    this.#tracker.become(result.membership, result.fresh, this.#lastIndex)
    const { membership, peers } = this.#tracker
    return [configText(membership), ...peers.map((peer) => progressText(peer.status()))].join('\n')
  }

  #change({ name, args, input }: Directive): ChangeResult {
    const { membership } = this.#tracker
    const changes = parseChanges(input)
    const [argument, ...more] = args
    if (more.length > 0 || (argument !== undefined && (name !== 'enter-joint' || argument.key !== 'autoleave'))) {
      throw new Error(`unknown argument of ${name}`)
    }
    if (name === 'simple') return simple(membership, changes)
    if (name === 'enter-joint') {
      return enterJoint(membership, changes, argument !== undefined && booleanOf(argument.values[0], 'autoleave'))
    }
    if (name !== 'leave-joint') throw new Error(`unknown directive ${name}`)
    if (changes.length > 0) throw new Error('leave-joint takes no changes')
    return leaveJoint(membership)
  }
}
