// A caller without a connection: what commands see of one, over a store.
import type { Caller } from '../../../server/commands/caller.ts'
import { CursorTable } from '../../../server/commands/cursors.ts'
import type { Reply } from '../../../server/protocol/reply.ts'
import type { Store } from '../../../server/store.ts'

export interface TestCaller extends Caller {
  readonly pushed: Reply[]
  isClosed: boolean
}

export function callerOver(store: Store, nowMs: () => number = () => 0): TestCaller {
  const pushed: Reply[] = []
  return {
    id: 1,
    language: 'resp',
    address: '127.0.0.1:1',
    connectedMs: 0,
    store,
    server: {
      nodeId: 3,
      startedMs: 0,
      activeConnections: 2,
      port: 9000,
      clients: new Map(),
      cursors: new CursorTable(() => 0),
      nowMs,
      random: () => 0.5,
      status: () => store.status()
    },
    name: '',
    libraryName: '',
    libraryVersion: '',
    version: 2,
    transaction: undefined,
    watched: new Map(),
    pushed,
    isClosed: false,
    close() {
      this.isClosed = true
    },
    push(reply) {
      pushed.push(reply)
    }
  }
}
