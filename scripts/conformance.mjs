// npm run test:conformance: the Raft core against the conformance suites of etcd's Raft, one line a file.
//
// The files are those under VARVE_RAFT_TESTDATA, else ../shared/raft-testdata: quorum/, confchange/ and interaction/.
// Exit code 1: a file does not hold, or there are none.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { inRoot, runTool } from './support/project.mjs'

const testdata = process.env.VARVE_RAFT_TESTDATA ?? inRoot('..', 'shared', 'raft-testdata')
if (!existsSync(join(testdata, 'interaction'))) {
  console.error(`There are no conformance files in ${testdata}. Set VARVE_RAFT_TESTDATA to the folder that has them.`)
  process.exit(1)
}
const reporter = inRoot('test', 'raft', 'conformance', 'reporter.ts')
process.exit(runTool('vitest', ['run', 'test/raft/conformance.test.ts', `--reporter=${reporter}`]))
