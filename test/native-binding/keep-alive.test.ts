// What keeps a process alive: nothing, until keepAlive says so.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const prelude = `
const native = require('#native')
const executor = native.threadExecutor(1, 1)
const fs = native.memoryFileSystem()
const engine = native.createEngine(executor, fs, 1 << 20)
native.setView(engine, native.createMemtable(engine, 1 << 20), [], [])
`

function run(script: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['-e', prelude + script], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.on('close', (code) => resolve({ code, output }))
  })
}

test('an open, idle engine lets the process end', async () => {
  const script = `native.setWake(() => {}); console.log('idle')`
  expect(await run(script)).toEqual({ code: 0, output: 'idle\n' })
})

test('keepAlive(true) waits for an outcome, keepAlive(false) lets go', async () => {
  const script = `
    native.setWake(() => {
      const [job, error] = native.drain()
      console.log('outcome', job, error)
      native.keepAlive(false)
    })
    native.keepAlive(true)
    native.makeDirectory(executor, fs, '/d')`
  expect(await run(script)).toEqual({ code: 0, output: 'outcome 1 undefined\n' })
})

test('many outcomes are one wake-up', async () => {
  const script = `
    native.setWake(() => {
      console.log('woken', native.drain().length)
      native.keepAlive(false)
    })
    native.keepAlive(true)
    for (let i = 0; i < 500; i++) native.list(executor, fs, '/')
    const until = Date.now() + 300
    while (Date.now() < until);`
  expect(await run(script)).toEqual({ code: 0, output: 'woken 1500\n' })
})

test('process.exit with jobs in flight ends cleanly', async () => {
  const script = `
    for (let i = 0; i < 1000; i++) native.writeFile(executor, fs, '/f' + i, Buffer.alloc(10000))
    process.exit(7)`
  expect(await run(script)).toEqual({ code: 7, output: '' })
})

test('what the wake-up throws is an uncaught exception', async () => {
  const script = `
    process.on('uncaughtException', (error) => {
      console.log(error.message)
      native.keepAlive(false)
    })
    native.setWake(() => { throw new Error('from the wake-up') })
    native.keepAlive(true)
    native.list(executor, fs, '/')`
  expect(await run(script)).toEqual({ code: 0, output: 'from the wake-up\n' })
})
