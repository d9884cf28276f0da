// varve serve: a database behind the line protocol, until it is told to stop.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import type { ConfigFlags, LogLevel, ServerConfig } from '../config.ts'
import { defaultConfig, withFlags } from '../config.ts'
import type { Server } from '../server.ts'
import type { Store } from '../store.ts'
import { parsePort } from './address.ts'
import { codeOf, databaseExit, exit, exitCodes, messageOf } from './exit.ts'
import { examples, print, say } from './output.ts'
import { version } from './version.ts'

interface ServeFlags extends ConfigFlags {
  readonly file?: string
}

export const serveCommand = (): Command =>
  new Command('serve')
    .description('serve a data directory over the line protocol, to this machine only unless told otherwise')
    .option('-f, --file <config.yaml>', 'configuration file; flags win over it')
    .option('--host <host>', `address to listen on (default: ${defaultConfig.server.host})`)
    .option('--port <port>', `port; 0 takes a free one (default: ${defaultConfig.server.port})`, parsePort)
    .option(
      '--data-dir <dir>',
      `where the data is, made if it is not there (default: ${defaultConfig.storage.dataDir})`
    )
    .addHelpText(
      'after',
      examples('varve serve', 'varve serve --port 9001 --data-dir ./data2', 'varve serve -f server/server1.yaml')
    )
    .action(async (flags: ServeFlags) => {
      const config = await readConfig(flags)
      await run(config, logTo(config.logging.level))
    })

type Log = (level: LogLevel, message: string) => void

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

const logTo =
  (lowest: LogLevel): Log =>
  (level, message) => {
    if (levels.indexOf(level) >= levels.indexOf(lowest)) say(`${new Date().toISOString()} ${level} ${message}`)
  }

async function readConfig({ file, ...flags }: ServeFlags): Promise<ServerConfig> {
  if (file === undefined) return withFlags(defaultConfig, flags)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw exit(exitCodes.usage, `The configuration cannot be read: ${messageOf(error)}.`)
  }
  const { parseConfig } = await import('../config-file.ts')
  const result = parseConfig(text, file)
  if (!result.ok) throw exit(exitCodes.usage, result.faults.join('\n'))
  for (const note of result.notes) say(note)
  const { role } = result.config.node
  if (role === 'follower') {
    throw exit(
      exitCodes.usage,
      `${file}: node.role "follower" needs a cluster, and this server runs alone: use "leader".`
    )
  }
  if (result.config.peers.length > 0) say(`${file}: peers are not used yet: this server runs alone.`)
  return withFlags(result.config, flags)
}

async function run(config: ServerConfig, log: Log): Promise<void> {
  const dataDir = resolve(config.storage.dataDir)
  const store = await openStore(dataDir, config)
  const server = await listen(store, config, log).catch(async (error: unknown) => {
    await store.close()
    throw error
  })
  const stopped = untilSignal(log)
  printBanner(server, dataDir)
  await stopped
  await server.stop()
  await store.close()
  print('varve has stopped')
}

async function openStore(dataDir: string, { storage: { cacheBytes } }: ServerConfig): Promise<Store> {
  try {
    const { DatabaseStore } = await import('../store/database.ts')
    return await DatabaseStore.open(dataDir, cacheBytes === undefined ? {} : { cacheBytes })
  } catch (error) {
    throw databaseExit(error)
  }
}

async function listen(store: Store, { node, server: { host, port } }: ServerConfig, log: Log): Promise<Server> {
  const { Server } = await import('../server.ts')
  const onFault = (error: unknown) => log('error', error instanceof Error ? `${error.stack}` : String(error))
  try {
    return await Server.listen({ store, host, port, nodeId: node.id, onFault })
  } catch (error) {
    throw exit(exitCodes.connection, listenFault(codeOf(error), host, port) ?? messageOf(error))
  }
}

function listenFault(code: string, host: string, port: number): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} of ${host} is taken. Is varve running already? Choose another with --port.`
    case 'EACCES':
      return `Port ${port} of ${host} is not allowed to this user. Choose one above 1023 with --port.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine. Choose another with --host.`
    default:
      return undefined
  }
}

/** Resolves at the first SIGTERM or SIGINT; the second one ends the program where it stands. */
function untilSignal(log: Log): Promise<void> {
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals) => {
      process.off('SIGTERM', stop)
      process.off('SIGINT', stop)
      log('info', `${signal}: finishing what was received, then stopping`)
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}

function printBanner(server: Server, dataDir: string): void {
  const { host, port } = server.address
  const reachable = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  print(`varve ${version()} listening on ${host.includes(':') ? `[${host}]` : host}:${port}`)
  print(`  data   ${dataDir}`)
  print(`  try    printf 'PUT hello world\\nGET hello\\nQUIT\\n' | nc ${reachable} ${port}`)
  print(`  or     npx varve set hello world${port === 9000 ? '' : ` --port ${port}`}`)
  print('  stop   Ctrl-C')
}
