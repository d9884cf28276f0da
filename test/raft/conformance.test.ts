// The core against the conformance suites of etcd's Raft, which are not part of this repository.
import { describe, expect, test } from 'vitest'
import { skipUnless } from '../support/skip.ts'
import { conformanceFiles, mismatchText, runFile, runText, testdata } from './conformance/suite.ts'

const files = conformanceFiles()

describe.runIf(skipUnless('raft conformance', files.length > 0, `no files in ${testdata}`))('conformance', () => {
  test.each(files.map((file) => [file.name, file] as const))('%s', (_, file) => {
    const { directives, mismatches } = runFile(file)
    expect(mismatches.slice(0, 3).map(mismatchText)).toEqual([])
    expect(directives).toBeGreaterThan(0)
  })
})

describe('the runner', () => {
  test('sees what differs', () => {
    const { mismatches } = runText('confchange', 'simple\nv1\n----\nvoters=(1)\n1: StateProbe match=0 next=2\n')
    expect(mismatches).toEqual([
      {
        line: 1,
        directive: 'simple',
        expected: 'voters=(1)\n1: StateProbe match=0 next=2',
        actual: 'voters=(1)\n1: StateProbe match=0 next=1'
      }
    ])
  })

  test.each([
    ['interaction', 'stabilise\n----\nok\n', 'unknown directive stabilise'],
    ['interaction', 'add-nodes 1 voters=(1) index=2 fast=true\n----\nok\n', 'unknown argument fast'],
    ['interaction', 'stabilize loglevel=none\n----\nok\n', 'unknown argument loglevel'],
    ['interaction', 'deliver-msgs type=MsgNone\n----\nok\n', 'unknown argument type=MsgNone'],
    ['interaction', 'campaign 1\n----\nok\n', 'there is no node 1'],
    ['confchange', 'simple\nx1\n----\n', 'unknown change "x1"'],
    ['quorum', 'vote cfg=(1) votes=(z)\n----\n', 'unknown vote z'],
    ['quorum', 'committed cfg=(1) idxs=(1)\n----\n', 'unknown argument idxs'],
    ['quorum', 'vote cfg=(1', 'line 1: cannot read'],
    ['quorum', 'vote cfg=(1) votes=(y)\n', 'line 2: ---- is missing']
  ] as const)('refuses what it does not know: %s %s', (kind, text, sentence) => {
    expect(() => runText(kind, text)).toThrow(sentence)
  })
})
