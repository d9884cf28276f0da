// Shell: the lines of `varve shell` over one connection: what each comes to, and how it may go on.
import { commands } from '../commands/table.ts'
import { nearest } from '../nearest.ts'
import { ReplyError, type ReplyValue } from '../protocol/resp-replies.ts'
import { connectionExit, messageOf } from './exit.ts'
import { print, printJson, say } from './output.ts'
import { behindPrefix, printable } from './range.ts'
import { itemsIn } from './replies.ts'
import { replyJson, replyLines } from './shell-format.ts'
import { wordsOf } from './shell-words.ts'
import { isReplyError, type Target, Wire } from './wire.ts'

const keysShown = 50
/** What makes of the connection a stream of messages. */
const streaming = new Set(['SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE', 'MONITOR', 'SYNC', 'PSYNC'])

type Outcome = 'done' | 'failed' | 'end'

export class Shell {
  readonly #target: Target
  readonly #isJson: boolean
  #wire: Wire | undefined

  constructor(target: Target, isJson: boolean) {
    this.#target = target
    this.#isJson = isJson
  }

  get place(): string {
    return `${this.#target.host}:${this.#target.port}`
  }

  async connect(): Promise<Wire> {
    try {
      this.#wire ??= await Wire.connect(this.#target)
      return this.#wire
    } catch (error) {
      throw connectionExit(error, this.#target)
    }
  }

  async close(): Promise<void> {
    await this.#wire?.close()
  }

  /** Runs a line and prints what it comes to. */
  async run(line: string): Promise<Outcome> {
    const parsed = wordsOf(line)
    if (!parsed.ok) return this.#fail(`${parsed.fault}.`)
    const [first, ...args] = parsed.words
    if (first === undefined) return 'done'
    const name = first.toString().toUpperCase()
    if (name === 'EXIT') return 'end'
    if (name === 'HELP' || name === '?') return this.#help(args.join(' ').toUpperCase())
    if (streaming.has(name)) return this.#fail(`${name} needs a client of its own: redis-cli -p ${this.#target.port}.`)
    const outcome = await this.#ask([first, ...args])
    return name === 'QUIT' ? 'end' : outcome
  }

  async #ask(words: readonly Buffer[]): Promise<Outcome> {
    try {
      const wire = await this.connect()
      this.#show(await wire.call(...words))
      return 'done'
    } catch (error) {
      if (isReplyError(error)) {
        this.#show(new ReplyError(`${error.word} ${error.message}`))
        return 'failed'
      }
      this.#wire = undefined
      return this.#fail(messageOf(connectionExit(error, this.#target)))
    }
  }

  #show(reply: ReplyValue): void {
    if (this.#isJson) printJson(replyJson(reply))
    else for (const line of replyLines(reply)) print(line)
  }

  #fail(sentence: string): Outcome {
    say(sentence)
    return 'failed'
  }

  #help(name: string): Outcome {
    if (name === '') {
      for (const line of overview()) print(line)
      return 'done'
    }
    const [first = '', second] = name.split(' ')
    const container = commands.get(first)
    const command = second === undefined ? container : container?.subcommands?.get(second)
    if (command === undefined) {
      const meant = nearest(name, commands.keys())
      return this.#fail(`There is no command ${name}.${meant === undefined ? '' : ` Did you mean ${meant}?`}`)
    }
    print(`${command.name} ${command.usage ?? ''}`.trimEnd())
    print(`  ${command.summary}`)
    for (const each of command.subcommands?.values() ?? []) print(`  ${each.name} ${each.usage ?? ''}`.trimEnd())
    return 'done'
  }

  /** What a line may go on with, and the part of it that is replaced. */
  async complete(line: string): Promise<[found: string[], part: string]> {
    const part = /\S*$/.exec(line)?.[0] ?? ''
    const isFirst = line.trimStart() === part
    if (isFirst) {
      const names = [...commands.keys(), 'HELP', 'EXIT'].filter((name) => name.startsWith(part.toUpperCase()))
      return [part === part.toUpperCase() ? names : names.map((name) => name.toLowerCase()), part]
    }
    if (/["'\\]/.test(part) || part === '') return [[], part]
    return [await this.#keysThatBegin(part).catch(() => []), part]
  }

  async #keysThatBegin(text: string): Promise<string[]> {
    const start = Buffer.from(text)
    const wire = await this.connect()
    const [, ...keys] = itemsIn(await wire.call('PAGE', start, behindPrefix(start), 'KEYS', 'COUNT', keysShown))
    return keys.flatMap((key) => (Buffer.isBuffer(key) && !/[\s"'\\]/.test(printable(key)) ? key.toString() : []))
  }
}

function overview(): string[] {
  const groups = new Map<string, string[]>()
  for (const { name, group } of commands.values()) groups.set(group, [...(groups.get(group) ?? []), name])
  const lines = [...groups].map(([group, names]) => `${group.padEnd(13)} ${names.sort().join(' ')}`)
  return [...lines, 'help <command> tells of one; words with spaces stand in quotes; exit ends']
}
