// The files of the conformance suites: directives and what they are to print.
//
//   # comment
//   directive argument key=value key=(value, value)
//   input, any number of lines
//   ----
//   what is expected, up to an empty line; or, after a second ----, up to two lines of ----
//
// Reading is strict: whatever does not have this form is an error with its line.

export interface Argument {
  readonly key: string
  readonly values: readonly string[]
}

export interface Directive {
  readonly line: number
  readonly name: string
  readonly args: readonly Argument[]
  readonly input: string
  readonly expected: string
}

const separator = '----'

export function parseScript(text: string): Directive[] {
  const lines = text.split('\n')
  const directives: Directive[] = []
  let at = 0
  const until = (isEnd: (line: string) => boolean, what: string): string[] => {
    const start = at
    while (at < lines.length && !isEnd(lines[at] ?? '')) at++
    if (at === lines.length && what !== '') throw new Error(`line ${start + 1}: ${what} is missing after it`)
    return lines.slice(start, at)
  }
  while (at < lines.length) {
    const line = lines[at] ?? ''
    if (line.trim() === '' || line.startsWith('#')) {
      at++
      continue
    }
    const first = at + 1
    let head = line
    at++
    while (head.endsWith('\\') && at < lines.length) head = `${head.slice(0, -1)} ${lines[at++] ?? ''}`
    const { name, args } = parseHead(head, first)
    const input = until((one) => one === separator, separator)
    at++
    let expected: string[]
    if (lines[at] === separator) {
      at++
      expected = until((one) => one === separator && lines[at + 1] === separator, `the second ${separator}`)
      at += 2
    } else {
      expected = until((one) => one.trim() === '', '')
    }
    directives.push({ line: first, name, args, input: input.join('\n'), expected: expected.join('\n') })
  }
  return directives
}

const token = /\s*([^\s=()]+)(?:=(?:\(([^()]*)\)|([^\s()]+)))?(?=\s|$)/y

function parseHead(head: string, line: number): { name: string; args: Argument[] } {
  const args: Argument[] = []
  const text = head.trim()
  token.lastIndex = 0
  while (token.lastIndex < text.length) {
    const match = token.exec(text)
    if (match === null) throw new Error(`line ${line}: cannot read "${text}"`)
    const [, key = '', list, single] = match
    const values = single === undefined ? (list ?? '').split(',').map((value) => value.trim()) : [single]
    args.push({ key, values: values.filter((value) => value !== '') })
  }
  const [name, ...others] = args
  if (name === undefined || name.values.length > 0) throw new Error(`line ${line}: "${text}" has no directive`)
  return { name: name.key, args: others }
}

/** A whole number, or an error that names what it was for. */
export function numberOf(text: string | undefined, what: string): number {
  if (text === undefined || !/^\d+$/.test(text)) throw new Error(`${what} must be a whole number, not "${text ?? ''}"`)
  return Number(text)
}

export function booleanOf(text: string | undefined, what: string): boolean {
  if (text !== 'true' && text !== 'false') throw new Error(`${what} must be true or false, not "${text ?? ''}"`)
  return text === 'true'
}

/** Arguments that are numbers, `count` of them. */
export function numbers(args: readonly Argument[], count = args.length): number[] {
  if (args.length !== count) throw new Error(`${count} numbers are expected, not ${args.length} arguments`)
  return args.map(({ key, values }) => {
    if (values.length > 0) throw new Error(`unknown argument ${key}`)
    return numberOf(key, 'an argument')
  })
}

/** Arguments that are name=number, each of `names` once. */
export function namedNumbers(args: readonly Argument[], names: readonly string[]): Record<string, number> {
  const named = args.map(({ key, values }): [string, number] => {
    if (!names.includes(key)) throw new Error(`unknown argument ${key}`)
    return [key, numberOf(values[0], key)]
  })
  if (named.length !== names.length) throw new Error(`${names.join(', ')} are expected`)
  return Object.fromEntries(named)
}
