// What one turn of the event loop brings is served together: in order, with what is held back sent at its end, and cut where it
// takes long.
import { expect, test } from 'vitest'
import { type Corked, type Served, turn } from '../../server/turn.ts'

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function recorder() {
  const seen: string[] = []
  const session = (name: string, work = () => {}): Served => ({
    serve() {
      seen.push(name)
      work()
    }
  })
  const socket = (name: string): Corked => ({
    cork: () => void seen.push(`cork ${name}`),
    uncork: () => void seen.push(`uncork ${name}`)
  })
  return { seen, session, socket }
}

test('all are served before anything is sent, and what was put off comes last', async () => {
  const { seen, session, socket } = recorder()
  const writes = (name: string) =>
    session(name, () => {
      turn.atEnd(() => void seen.push(`end ${name}`))
      turn.hold(socket(name))
    })
  turn.serve(writes('a'))
  turn.serve(writes('b'))
  expect(seen).toEqual([])
  await nextTurn()
  expect(seen).toEqual(['a', 'cork a', 'b', 'cork b', 'uncork a', 'uncork b', 'end a', 'end b'])
})

test('outside of a turn, sockets are held until all that is done now is done', async () => {
  const { seen, socket } = recorder()
  await Promise.all([
    Promise.resolve().then(() => turn.hold(socket('a'))),
    Promise.resolve().then(() => turn.hold(socket('b')))
  ])
  await nextTurn()
  expect(seen).toEqual(['cork a', 'cork b', 'uncork a', 'uncork b'])
})

test('who comes late in a long turn is served in the next one, before those who came meanwhile', async () => {
  const { seen, session } = recorder()
  const long = session('long', () => {
    const until = performance.now() + 20
    while (performance.now() < until);
    turn.serve(session('new'))
  })
  turn.serve(long)
  for (let i = 1; i < 10; i++) turn.serve(session(`${i}`))
  await nextTurn()
  expect(seen).toEqual(['long', '1', '2', '3', '4', '5', '6', '7'])
  await nextTurn()
  expect(seen.slice(8)).toEqual(['8', '9', 'new'])
})
