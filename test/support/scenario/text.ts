// Scenarios as text: one directive a line, what it says below it between "----" and an empty line. # begins a comment.
// What a directive says is left out when it says nothing.
import { type Directive, directives } from './directives.ts'
import type { World } from './world.ts'

export interface Step {
  readonly line: number
  readonly text: string
  readonly expected: readonly string[]
}

type Part = { readonly kept: string } | Step

const rule = '----'

export function parse(text: string): Part[] {
  const lines = text.trimEnd().split('\n')
  const parts: Part[] = []
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string
    if (line.trim() === '' || line.startsWith('#')) {
      parts.push({ kept: line })
      continue
    }
    const expected: string[] = []
    const step = { line: i + 1, text: line, expected }
    if (lines[i + 1] === rule) {
      i += 2
      while (i < lines.length && lines[i] !== '') expected.push(lines[i++] as string)
    }
    parts.push(step)
  }
  return parts
}

/** What a line does, or an error that names what there is. */
function directiveOf(text: string): Directive {
  const [name = ''] = text.split(' ', 1)
  const directive = directives[name]
  if (directive !== undefined) return directive
  throw new Error(`there is no directive '${name}'; directives: ${Object.keys(directives).sort().join(', ')}`)
}

export interface Difference {
  readonly line: number
  readonly text: string
  readonly expected: readonly string[]
  readonly said: readonly string[]
}

/** Runs a scenario: where it differs from the file, and the file as it should be. */
export async function play(text: string, world: World): Promise<{ differences: Difference[]; rewritten: string }> {
  const differences: Difference[] = []
  const lines: string[] = []
  const parts = parse(text)
  for (const part of parts) if (!('kept' in part)) directiveOf(part.text)
  for (const part of parts) {
    if ('kept' in part) {
      // The empty line behind a block is written with the block.
      if (part.kept !== '' || lines.at(-1) !== '') lines.push(part.kept)
      continue
    }
    const said = await say(part, world)
    lines.push(part.text, ...(said.length === 0 ? [] : [rule, ...said, '']))
    if (said.join('\n') !== part.expected.join('\n')) differences.push({ ...part, said })
  }
  return { differences, rewritten: `${lines.join('\n').trimEnd()}\n` }
}

async function say({ line, text }: Step, world: World): Promise<readonly string[]> {
  try {
    return await world.run(directiveOf(text), text.split(' ').slice(1).join(' '))
  } catch (error) {
    throw new Error(`line ${line}, ${text}: ${(error as Error).message}`, { cause: error })
  }
}
