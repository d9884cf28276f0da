// Who may import whom: the table of architecture. A file belongs to the first group whose pattern matches it; a group may
// import itself and what `imports` names. A new file in a group needs no entry here. A new group does, and its author
// says where it belongs.

export interface Group {
  readonly name: string
  readonly files: RegExp
  readonly imports: readonly string[]
}

const bottom = ['errors', 'assert']
const values = [...bottom, 'bytes', 'disk', 'options']
const state = [...values, 'tree', 'log']
const reads = [...state, 'read', 'copies']
const writes = [...reads, 'write']

const library: readonly Group[] = [
  { name: 'index', files: /^lib\/index\.ts$/, imports: [...writes, 'database', 'recovery', 'inspect'] },
  // What the server's consensus asks of a disk; no part of the public surface.
  { name: 'storage', files: /^lib\/(member|incoming)\.ts$/, imports: [...writes, 'database', 'recovery'] },
  { name: 'faces', files: /^lib\/faces\//, imports: ['index'] },
  {
    name: 'database',
    files: /^lib\/(open|database|space|space-reads|space-options|parts|closing|stats)\.ts$/,
    imports: [...writes, 'compaction', 'recovery', 'inspect']
  },
  { name: 'recovery', files: /^lib\/recovery\.ts$/, imports: writes },
  { name: 'inspect', files: /^lib\/inspect\.ts$/, imports: writes },
  { name: 'write', files: /^lib\/write\//, imports: reads },
  { name: 'read', files: /^lib\/read\//, imports: state },
  { name: 'copies', files: /^lib\/copies\//, imports: state },
  { name: 'compaction', files: /^lib\/tree\/compaction\//, imports: [...values, 'tree'] },
  { name: 'tree', files: /^lib\/tree\//, imports: [...values, 'compaction', 'log'] },
  { name: 'log', files: /^lib\/log\//, imports: values },
  { name: 'bytes', files: /^lib\/bytes\//, imports: bottom },
  { name: 'disk', files: /^lib\/disk\//, imports: bottom },
  { name: 'options', files: /^lib\/options\.ts$/, imports: [...bottom, 'bytes', 'disk'] },
  { name: 'assert', files: /^lib\/assert\.ts$/, imports: ['errors'] },
  { name: 'errors', files: /^lib\/errors\.ts$/, imports: [] }
]

// What the server may take from the library beyond its public surface.
const engine = ['index', 'errors', 'assert', 'inspect', 'log', 'copies']

const server: readonly Group[] = [
  {
    name: 'cli',
    files: /^server\/cli(\.ts$|\/)/,
    imports: [
      ...engine,
      'server',
      'guard',
      'client',
      'commands',
      'protocol',
      'config',
      'member',
      'store',
      'cluster',
      'simulation',
      'version',
      'clock'
    ]
  },
  {
    name: 'server',
    files:
      /^server\/(server|tls|http|log|relay|forwarding|forwarding-notes|remote-caller)\.ts$|^server\/(console|metrics)\//,
    imports: [
      ...engine,
      'session',
      'guard',
      'protocol',
      'commands',
      'store',
      'cluster',
      'config',
      'member',
      'raft-transport',
      'version',
      'network',
      'net',
      'clock'
    ]
  },
  { name: 'client', files: /^server\/client\//, imports: [...engine, 'protocol', 'store'] },
  {
    name: 'session',
    files:
      /^server\/(session|account|answering|inbox|lookahead|outbox|pipeline|planner|permission|runs|store-errors)\.ts$/,
    imports: [...engine, 'guard', 'protocol', 'commands', 'store', 'cluster', 'config', 'turn', 'net']
  },
  // Below the commands: they manage users, and see what a connection may.
  {
    name: 'guard',
    files: /^server\/auth\/|^server\/(limits|memory|patience)\.ts$/,
    imports: [...engine, 'protocol', 'store', 'config', 'network']
  },
  // With what commands act on beside the store: the broker of messages, the counts, the slow log.
  {
    name: 'commands',
    files: /^server\/(commands\/|(pubsub|statistics|slow-log)\.ts$)/,
    imports: [...engine, 'guard', 'protocol', 'store', 'cluster']
  },
  { name: 'protocol', files: /^server\/protocol\//, imports: ['errors', 'assert'] },
  {
    name: 'member',
    files:
      /^server\/raft\/(member|driver|proposals|in-flight|leadership|reads|local-reads|lease-clock|pinned|view|kept|payloads|snapshot|sync-directory|node)\.ts$/,
    imports: [...engine, 'storage', 'raft-shell', 'raft-transport', 'raft-core', 'store', 'cluster', 'clock', 'turn']
  },
  // Between members: their connections, and how a cluster begins. It knows no storage.
  {
    name: 'raft-transport',
    files: /^server\/raft\/(transport\/|bootstrap[a-z-]*\.ts$)/,
    imports: ['raft-core', 'network', 'clock', 'turn']
  },
  {
    name: 'raft-shell',
    files: /^server\/raft\/(log|entries|recent)\.ts$/,
    imports: [...engine, 'storage', 'raft-core', 'config']
  },
  { name: 'raft-core', files: /^server\/raft\//, imports: [] },
  // Its hosts give the engine their disks, executors and time; its wire is the transport's bytes.
  {
    name: 'simulation',
    files: /^server\/simulation\//,
    imports: [...engine, 'disk', 'options', 'storage', 'member', 'raft-shell', 'raft-transport', 'raft-core', 'store']
  },
  { name: 'store', files: /^server\/store(\.ts$|\/)/, imports: [...engine, 'cluster', 'turn'] },
  // What there is to know of a cluster, whoever knows it: below the stores that do.
  { name: 'cluster', files: /^server\/cluster\//, imports: [] },
  { name: 'version', files: /^server\/version\.ts$/, imports: [] },
  { name: 'clock', files: /^server\/clock\.ts$/, imports: [] },
  // What everything that listens or dials has in common.
  { name: 'network', files: /^server\/(certificates|loopback)\.ts$/, imports: [] },
  { name: 'turn', files: /^server\/turn\.ts$/, imports: [] },
  // Connections of clients, before anything is known of them.
  { name: 'net', files: /^server\/net\//, imports: ['turn'] },
  { name: 'config', files: /^server\/(config|nearest)\.ts$|^server\/config\//, imports: [...engine] }
]

const native: readonly Group[] = [
  { name: 'addon', files: /^native\/addon\.cc$/, imports: ['binding', 'native-net', 'core'] },
  { name: 'binding', files: /^native\/binding\//, imports: ['core', 'native-net'] },
  { name: 'native-net', files: /^native\/net\//, imports: ['core'] },
  { name: 'core', files: /^native\/core\//, imports: [] }
]

export const groups: readonly Group[] = [...library, ...server, ...native]

/** The group a file belongs to. */
export function groupOf(path: string, table: readonly Group[] = groups): Group | undefined {
  return table.find((group) => group.files.test(path))
}
