// A caller without a connection: what commands see of one, over a store.
import { Users } from '../../../server/auth/users.ts'
import type { Caller } from '../../../server/commands/caller.ts'
import { CursorTable } from '../../../server/commands/cursors.ts'
import { commands } from '../../../server/commands/table.ts'
import { defaultLimits } from '../../../server/limits.ts'
import type { Reply } from '../../../server/protocol/reply.ts'
import { Broker } from '../../../server/pubsub.ts'
import { SlowLog } from '../../../server/slow-log.ts'
import { Statistics } from '../../../server/statistics.ts'
import type { Store } from '../../../server/store.ts'

export interface TestCaller extends Caller {
  readonly pushed: Reply[]
  isClosed: boolean
}

export function callerOver(store: Store, nowMs: () => number = () => 0): TestCaller {
  const pushed: Reply[] = []
  const users = new Users()
  const broker = new Broker()
  return {
    id: 1,
    language: 'resp',
    address: '127.0.0.1:1',
    localAddress: '127.0.0.1:9000',
    connectedMs: 0,
    activeMs: 0,
    lastCommand: 'NULL',
    heldBytes: 0,
    unsentBytes: 0,
    channels: new Map(),
    patterns: new Map(),
    user: 'default',
    access: users.guest.access,
    isAuthenticated: true,
    isGone: false,
    store,
    server: {
      nodeId: 3,
      runId: '0'.repeat(40),
      version: '0.0.0',
      startedMs: 0,
      activeConnections: 2,
      host: '127.0.0.1',
      port: 9000,
      clients: new Map(),
      cursors: new CursorTable(() => 0),
      random: () => 0.5,
      commands,
      broker,
      publish: (channel, message) => broker.publish(channel, message),
      statistics: new Statistics(),
      slowLog: new SlowLog(),
      limits: defaultLimits,
      limitConnections: () => {},
      users,
      cluster: undefined,
      forwarding: undefined,
      nowMs,
      status: () => store.status(),
      engineStats: () => undefined,
      estimateCount: () => undefined
    },
    name: '',
    isKept: false,
    isClusterClient: false,
    readsLocally: false,
    knowsRedirect: false,
    libraryName: '',
    libraryVersion: '',
    version: 2,
    transaction: undefined,
    watched: new Map(),
    pushed,
    isClosed: false,
    noted: () => {},
    authenticate: () => Promise.resolve(undefined),
    forgetUser() {},
    close() {
      this.isClosed = true
    },
    destroy() {
      this.isClosed = true
    },
    push(reply) {
      pushed.push(reply)
    }
  }
}
