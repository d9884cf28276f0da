// varve completion bash|zsh|fish: a script that completes commands and options, made of the commands there are.
import { Argument, Command } from 'commander'
import { examples, print } from './output.ts'

const shells = ['bash', 'zsh', 'fish'] as const

type Shell = (typeof shells)[number]

export const completionCommand = (): Command =>
  new Command('completion')
    .description('print a script by which a shell completes commands and options of varve')
    .addArgument(new Argument('<shell>').choices([...shells]))
    .addHelpText(
      'after',
      examples(
        'source <(varve completion bash)',
        'varve completion bash >> ~/.bashrc',
        'varve completion fish > ~/.config/fish/completions/varve.fish'
      )
    )
    .action((shell: Shell, _: object, command: Command) => {
      const program = command.parent
      if (program !== null) print(completionScript(shell, program))
    })

export function completionScript(shell: Shell, program: Command): string {
  switch (shell) {
    case 'bash':
      return bashScript(program)
    case 'zsh':
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(program)}`
    case 'fish':
      return fishScript(program)
  }
}

interface Place {
  /** `varve inspect wal` without `varve`. */
  readonly path: readonly string[]
  readonly command: Command
}

function placesOf(command: Command, path: readonly string[] = []): Place[] {
  const here = { path, command }
  return [here, ...command.commands.flatMap((child) => placesOf(child, [...path, child.name()]))]
}

const optionsOf = (command: Command): string[] =>
  [...command.options.flatMap(({ long }) => long ?? []), '--help'].filter((option, i, all) => all.indexOf(option) === i)

function bashScript(program: Command): string {
  const places = placesOf(program)
  const cases = places.map(({ path, command }) => {
    const words = [...command.commands.map((child) => child.name()), ...optionsOf(command)]
    return `    '${path.join(' ')}') words='${words.join(' ')}' ;;`
  })
  const names = places.filter(({ path }) => path.length > 0).map(({ path }) => `'${path.join(' ')}'`)
  return `# Completion of varve for bash: source it, or keep it where your shell looks for such.
_varve() {
  local place='' next words word current="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${place:+$place }$word"
    case "$next" in ${names.join('|')}) place="$next" ;; esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _varve varve`
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function fishScript(program: Command): string {
  const lines = ['# Completion of varve for fish: keep it as ~/.config/fish/completions/varve.fish']
  for (const { path, command } of placesOf(program)) {
    const children = command.commands.map((child) => child.name())
    const seen = path.map((name) => `__fish_seen_subcommand_from ${name}`)
    const unseen = children.length === 0 ? [] : [`not __fish_seen_subcommand_from ${children.join(' ')}`]
    const when = [...seen, ...unseen].join('; and ')
    const condition = when === '' ? '' : ` -n ${quoted(when)}`
    for (const child of command.commands) {
      lines.push(`complete -c varve -f${condition} -a ${child.name()} -d ${quoted(child.description())}`)
    }
    for (const option of command.options) {
      const long = option.long?.replace(/^--/, '')
      const takes = option.required || option.optional ? ' -r' : ''
      if (long !== undefined)
        lines.push(`complete -c varve${condition} -l ${long}${takes} -d ${quoted(option.description)}`)
    }
  }
  return lines.join('\n')
}
