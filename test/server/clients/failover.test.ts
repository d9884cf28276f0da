// Clients of Redis Cluster and of Sentinel, unmodified, over three servers whose leader goes: they find it again by themselves,
// and programs see no error.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { campaign, report, seedOf } from '../../support/campaign.ts'
import { hasCommand, skipUnless } from '../../support/skip.ts'
import { makeCertificates } from '../support/certificates.ts'
import { type Access, clients, Worker } from '../support/programs.ts'
import { randomOf } from '../support/random.ts'
import { temporaryDirectory } from '../support/served.ts'
import { type OptionsOf, type ServedGroup, servedGroup } from '../support/served-group.ts'
import { usersWith } from '../support/users.ts'

const workersEach = 2

const failovers = campaign('failover', { short: 1, long: 50 })

const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const comeBackTurnsMax = 20_000

/** The leader's server is killed, or it only leads no longer; nobody leads for a while, then another one does. */
async function failOver(group: ServedGroup, isKilled: boolean, turns: number): Promise<void> {
  const led = group.members.leaderAt as number
  if (isKilled) await group.kill(led)
  else {
    group.members.loseLeader({ keepsNone: true })
    // Some have come back to it before anybody else leads: it is the last known leader.
    for (let i = 0; i < comeBackTurnsMax && group.stores[led]?.held === 0; i++) await aTurn()
  }
  while (group.members.leaderAt === undefined || group.members.leaderAt === led) {
    if (group.members.leaderAt === led) group.members.loseLeader({ keepsNone: true })
    await group.electAfter(turns)
  }
  if (isKilled) await group.restart(led)
}

async function runFailovers(name: string, seed: number, optionsOf: OptionsOf, access: Access): Promise<void> {
  const random = randomOf(seed)
  const group = await servedGroup(random.below(2 ** 32), optionsOf)
  const workers: Worker[] = []
  for (const [name, connect] of clients) {
    const program = await connect(group.ports, access)
    for (let i = 0; i < workersEach; i++) workers.push(new Worker(`${name}.${i}`, program))
  }
  const runs = workers.map((worker) => worker.run())
  const allReach = (more: number) => Promise.all(workers.map((worker) => worker.reaches(worker.done + more)))
  const faults = () => workers.flatMap(({ fault }) => fault ?? [])
  for (let i = 0; i < failovers && faults().length === 0; i++) {
    await allReach(5)
    await failOver(group, i % 2 === 0, 20 + random.below(200))
    await allReach(5)
  }
  for (const worker of workers) worker.end()
  await Promise.all(runs)
  expect(faults()).toEqual([])
  report(`failover ${name}`, { failovers, calls: workers.reduce((sum, { done }) => sum + 2 * done, 0) })
}

describe('programs see no error', () => {
  const seed = seedOf('failover')

  test('plain', () => runFailovers('plain', seed, () => ({}), { login: {}, tls: undefined }))

  const login = { username: 'ada', password: 'ada' }
  const users = () => usersWith('ada', '+@admin ~* &*')

  test('AUTH', () => runFailovers('AUTH', seed + 1, async () => ({ users: await users() }), { login, tls: undefined }))

  test.runIf(skipUnless('openssl', hasCommand('openssl'), 'openssl makes the certificates; Debian has it as openssl'))(
    'AUTH and TLS',
    async () => {
      const { ca, first } = makeCertificates(temporaryDirectory())
      const optionsOf = async () => ({ users: await users(), tls: first })
      await runFailovers('AUTH and TLS', seed + 2, optionsOf, { login, tls: { ca: readFileSync(ca.cert) } })
    }
  )
})
