// The commands under one roof, and how their errors end.
import { Command, CommanderError } from 'commander'
import { backupCommand, backupsCommand } from './backup.ts'
import { benchCommand } from './bench.ts'
import { checkpointCommand } from './checkpoint.ts'
import { clusterCommand } from './cluster.ts'
import { compactCommand } from './compact.ts'
import { completionCommand } from './completion.ts'
import { configCommand } from './config.ts'
import { delCommand } from './del.ts'
import { doctorCommand } from './doctor.ts'
import { exitCodes, isExit } from './exit.ts'
import { exportCommand } from './export.ts'
import { getCommand } from './get.ts'
import { importCommand } from './import.ts'
import { inspectCommand } from './inspect.ts'
import { examples, say } from './output.ts'
import { pingCommand } from './ping.ts'
import { repairCommand } from './repair.ts'
import { restoreCommand } from './restore.ts'
import { scanCommand } from './scan.ts'
import { serveCommand } from './serve.ts'
import { setCommand } from './set.ts'
import { shellCommand } from './shell.ts'
import { simulateCommand } from './simulate.ts'
import { statusCommand } from './status.ts'
import { userCommand } from './user.ts'
import { verifyCommand } from './verify.ts'
import { version } from './version.ts'

const exitCodesHelp = `
Exit codes:
  0  done
  1  not found, or a check or a request failed
  2  called the wrong way
  3  no connection, or the server could not start
  4  damaged data`

export function createProgram(): Command {
  const program = new Command('varve')
    .description('varve, an LSM-tree key-value store: its server, and commands that talk to it')
    .version(version())
    .addHelpText('after', examples('varve serve', 'varve set hello world', 'varve get hello') + exitCodesHelp)
  const commands = [
    serveCommand(),
    setCommand(),
    getCommand(),
    delCommand(),
    scanCommand(),
    shellCommand(),
    pingCommand(),
    statusCommand(),
    configCommand(),
    userCommand(),
    clusterCommand(),
    importCommand(),
    exportCommand(),
    benchCommand(),
    inspectCommand(),
    verifyCommand(),
    checkpointCommand(),
    backupCommand(),
    backupsCommand(),
    restoreCommand(),
    repairCommand(),
    compactCommand(),
    doctorCommand(),
    simulateCommand(),
    completionCommand()
  ]
  for (const command of commands) program.addCommand(command)
  for (const command of withSubcommands(program)) {
    command.exitOverride().showHelpAfterError(`(varve ${pathOf(command)}--help shows how it is called)`)
  }
  return program
}

/** Runs a command line; returns the exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(argv)
    return typeof process.exitCode === 'number' ? process.exitCode : exitCodes.done
  } catch (error) {
    // commander has said it already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    if (!isExit(error)) throw error
    say(error.message)
    return error.exitCode
  }
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}

function pathOf(command: Command): string {
  return command.parent === null ? '' : `${pathOf(command.parent)}${command.name()} `
}
