// What a member says for a server that does not listen.
import { expect, test } from 'vitest'
import { encodeNote } from '../../server/cluster/notes.ts'
import { answeredOf } from '../../server/forwarding-notes.ts'
import { MemberView, type MemberViewContext } from '../../server/raft/view.ts'

test('a write that nobody listens to is refused; what else is said is lost, and a listener hears all', () => {
  const said: [number, Buffer][] = []
  const note = (to: number, bytes: Uint8Array) => said.push([to, Buffer.from(bytes)]) > 0
  const view = new MemberView({ clusterId: 'c', ownId: 1, note } as Partial<MemberViewContext> as MemberViewContext)
  const asked = encodeNote('forward', { id: 7, run: 'r' })
  view.noted(2, encodeNote('published', {}))
  view.noted(2, Buffer.alloc(0))
  expect(said).toEqual([])
  view.noted(2, asked)
  expect(said.map(([to, bytes]) => [to, answeredOf(bytes)])).toEqual([[2, { id: 7, run: 'r', replies: 'refused' }]])
  const heard: string[] = []
  const stop = view.notes.onNote((from) => void heard.push(from))
  view.noted(3, asked)
  expect([heard, said.length]).toEqual([['3'], 1])
  stop()
  view.noted(3, asked)
  expect(said.map(([to]) => to)).toEqual([2, 3])
})
