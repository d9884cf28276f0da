// varve serve: a database behind the line protocol, until it is told to stop.
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import type { Users } from '../auth/users.ts'
import type { Effective } from '../config/load.ts'
import type { LogLevel, ServerConfig } from '../config.ts'
import { defaultConfig } from '../config.ts'
import type { AdminServer } from '../http.ts'
import type { Log } from '../log.ts'
import type { Server } from '../server.ts'
import type { TlsOptions } from '../tls.ts'
import { parsePlace, parsePort } from './address.ts'
import { printBanner } from './banner.ts'
import { watchEngine } from './engine-events.ts'
import { codeOf, exit, exitCodes, messageOf } from './exit.ts'
import { examples, outliveReaders, print } from './output.ts'
import { openServedStore, type ServedStore } from './serve-store.ts'
import { effectiveConfig } from './server-config.ts'
import { slowCommands } from './slow-commands.ts'
import { version } from './version.ts'

interface ServeFlags {
  readonly file?: string
  readonly host?: string
  readonly port?: number
  readonly advertise?: string
  readonly dataDir?: string
  readonly httpPort?: number
  readonly insecure?: boolean
  readonly logLevel?: LogLevel
}

export const serveCommand = (): Command =>
  new Command('serve')
    .description('serve a data directory over RESP and the line protocol, to this machine only unless told otherwise')
    .option('-f, --file <config.yaml>', 'configuration file; the environment and flags win over it')
    .option('--host <host>', `address to listen on (default: ${defaultConfig.server.host})`)
    .option('--port <port>', `port; 0 takes a free one (default: ${defaultConfig.server.port})`, parsePort)
    .option(
      '--data-dir <dir>',
      `where the data is, made if it is not there (default: ${defaultConfig.storage.dataDir})`
    )
    .option('--advertise <host:port>', 'where clients reach it, if that is not where it listens', parsePlace)
    .option('--http-port <port>', 'port for health and metrics; 0 takes a free one (default: none)', parsePort)
    .option('--insecure', 'listen where other machines reach it, and ask nobody for a password')
    .addOption(new Option('--log-level <level>', 'the least important that is logged').choices([...levels]))
    .addHelpText(
      'after',
      examples(
        'varve serve',
        'varve serve --port 9001 --data-dir ./data2 --http-port 9081',
        'varve serve -f server/server1.yaml',
        'VARVE_SERVER_PORT=9001 varve serve   # every key of the file, as a variable'
      )
    )
    .action(async ({ file, host, port, advertise, dataDir, httpPort, insecure, logLevel }: ServeFlags) => {
      const flags = {
        'server.host': host,
        'server.port': port,
        'server.advertise': advertise,
        'storage.data_dir': dataDir,
        'http.port': httpPort,
        'server.insecure': insecure,
        'logging.level': logLevel
      }
      const effective = await effectiveConfig(file, { flags, opensSecrets: true })
      const { config, notes } = effective
      const { openLog } = await import('../log.ts')
      const { log, flush } = openLog(config.logging)
      for (const note of notes) log.info(note)
      try {
        await run(effective, log)
      } finally {
        flush()
      }
    })

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

async function run(effective: Effective, log: Log): Promise<void> {
  const { config } = effective
  const dataDir = resolve(config.storage.dataDir)
  outliveReaders()
  const served = await openServedStore(dataDir, effective, log)
  const parts: { server?: Server; http?: AdminServer | undefined } = {}
  try {
    parts.server = await listen(served.store, config, log)
    parts.http = await listenHttp(parts.server, served.database, config, log)
    watchEngine(served.database, log)
    const stopped = untilSignal(log)
    const { server, http } = parts
    log.info({ dataDir, ...server.address, http: http?.address }, 'listening')
    printBanner({ address: server.address, dataDir, http: http?.address, isTls: config.tls.cert !== undefined })
    await Promise.race([stopped, served.failed])
    await served.handOver()
  } finally {
    // Health answers to the last: whoever balances load sees that this node is going.
    await parts.server?.stop()
    await parts.http?.stop()
    await served.close()
  }
  log.info('stopped')
  print('varve has stopped')
}

async function listen(store: ServedStore['store'], config: ServerConfig, log: Log): Promise<Server> {
  const { Server } = await import('../server.ts')
  const { host, port, insecure } = config.server
  const users = await openUsers(store, config)
  const given = Object.entries(config.limits).filter(([, value]) => value !== undefined)
  try {
    return await Server.listen({
      store,
      host,
      port,
      nodeId: config.node.id,
      masterName: config.cluster.name,
      reads: config.cluster.reads,
      forwardsWrites: config.cluster.writes === 'forward',
      limits: Object.fromEntries(given),
      users,
      tls: tlsOf(config, log),
      insecure,
      onFault: (error) => log.error({ err: error }, 'a fault of the server; the connection it hit is closed'),
      onSlow: slowCommands(log, Date.now)
    })
  } catch (error) {
    throw exit(exitCodes.connection, listenFault(codeOf(error), host, port, '--port') ?? messageOf(error))
  }
}

/** The users that are stored, and the admin of the configuration. */
async function openUsers({ records }: ServedStore['store'], { auth }: ServerConfig): Promise<Users> {
  const { Users } = await import('../auth/users.ts')
  const users = await whileNobodyLeads(() => Users.open({ records }))
  const { password } = auth
  if (password === undefined) return users
  try {
    const fault = await whileNobodyLeads(() => users.seed(auth.user, Buffer.from(password)))
    if (fault !== undefined) throw exit(exitCodes.usage, `auth: ${fault}.`)
  } catch (error) {
    if (codeOf(error) !== 'NOT_LEADER') throw error
  }
  // Elsewhere the leader does it, and what it wrote counts here once it is applied: until then this member would let everybody in.
  while (users.isOpen) await new Promise((resolve) => setTimeout(resolve, seededPollMs))
  return users
}

const seededPollMs = 100

/** Tries again and again: a member may be the first one to be there. */
async function whileNobodyLeads<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (codeOf(error) !== 'NO_LEADER') throw error
    }
  }
}

function tlsOf({ tls: { cert, key, ca, clientAuth } }: ServerConfig, log: Log): TlsOptions | undefined {
  if (cert === undefined && key === undefined && ca === undefined && !clientAuth) return undefined
  if (cert === undefined || key === undefined) throw exit(exitCodes.usage, 'TLS needs both tls.cert and tls.key.')
  const onReload = (fault: string | undefined) => {
    if (fault === undefined) log.info('new certificates are in force')
    else log.error(fault)
  }
  return { cert, key, ca, clientAuth, onReload }
}

async function listenHttp(
  server: Server,
  database: ServedStore['database'],
  { http: { host, port }, node }: ServerConfig,
  log: Log
): Promise<AdminServer | undefined> {
  if (port === undefined) return undefined
  const { AdminServer } = await import('../http.ts')
  const { checksOf, exposeAll } = await import('../metrics/all.ts')
  const { ProcessMetrics } = await import('../metrics/process.ts')
  const process = new ProcessMetrics()
  const sources = { server, process, database, nodeId: node.id, version: version() }
  try {
    return await AdminServer.listen({
      host,
      port,
      checks: () => checksOf(sources),
      metrics: () => exposeAll(sources),
      onFault: (error) => log.error({ err: error }, 'a fault of the HTTP port')
    })
  } catch (error) {
    throw exit(exitCodes.connection, listenFault(codeOf(error), host, port, '--http-port') ?? messageOf(error))
  }
}

function listenFault(code: string, host: string, port: number, flag: string): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} of ${host} is taken. Is varve running already? Choose another with ${flag}.`
    case 'EACCES':
      return `Port ${port} of ${host} is not allowed to this user. Choose one above 1023 with ${flag}.`
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
      log.info(`${signal}: finishing what was received, then stopping`)
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}
