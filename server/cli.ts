#!/usr/bin/env node
// The program `varve`.
import { endQuietlyWithReader } from './cli/output.ts'
import { runProgram } from './cli/program.ts'

endQuietlyWithReader()
process.exitCode = await runProgram(process.argv)
