// What one turn of the event loop brings is served together: in order, with what is held back sent at its end, and cut where it
// takes long.
import { expect, test } from 'vitest'
import { type Held, type Served, turn } from '../../server/turn.ts'

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function recorder() {
  const seen: string[] = []
  const session = (name: string, work = () => {}): Served => ({
    serve() {
      seen.push(name)
      work()
    }
  })
  const held = (name: string): Held => ({ release: () => void seen.push(`release ${name}`) })
  return { seen, session, held }
}

test('all are served before anything is sent, and what was put off comes last', async () => {
  const { seen, session, held } = recorder()
  const writes = (name: string) =>
    session(name, () => {
      turn.atEnd(() => void seen.push(`end ${name}`))
      turn.hold(held(name))
    })
  turn.serve(writes('a'))
  turn.serve(writes('b'))
  expect(seen).toEqual([])
  await nextTurn()
  expect(seen).toEqual(['a', 'b', 'release a', 'release b', 'end a', 'end b'])
})

test('whoever knows that all sockets are read has them served at once', async () => {
  const { seen, session } = recorder()
  turn.begin()
  turn.serve(session('a'))
  turn.begin()
  expect(seen).toEqual(['a'])
  turn.serve(
    session('b', () => {
      turn.serve(session('c'))
      turn.begin()
    })
  )
  turn.begin()
  expect(seen).toEqual(['a', 'b'])
  await nextTurn()
  await nextTurn()
  expect(seen).toEqual(['a', 'b', 'c'])
})

test('of several, all are prepared before the first is served', async () => {
  const { seen, session } = recorder()
  const prepared = (name: string): Served => ({
    ...session(name),
    prepare() {
      seen.push(`prepare ${name}`)
      turn.whenPrepared(() => void seen.push(`prepared ${name}`))
    }
  })
  for (const name of ['a', 'b']) turn.serve(prepared(name))
  turn.serve(session('c'))
  await nextTurn()
  expect(seen.splice(0)).toEqual(['prepare a', 'prepare b', 'prepared a', 'prepared b', 'a', 'b', 'c'])
  turn.serve(prepared('alone'))
  await nextTurn()
  expect(seen).toEqual(['alone'])
})

test('outside of a turn, what is sent is held until all that is done now is done', async () => {
  const { seen, held } = recorder()
  const send = (name: string) => {
    seen.push(name)
    turn.hold(held(name))
  }
  await Promise.all([Promise.resolve().then(() => send('a')), Promise.resolve().then(() => send('b'))])
  await nextTurn()
  expect(seen).toEqual(['a', 'b', 'release a', 'release b'])
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
