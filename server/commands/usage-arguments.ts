// The arguments of a command as COMMAND DOCS says them, read from its usage: redis-cli hints with them while one types.
//
//   usage        = sequence
//   sequence     = item *( SP item )
//   alternatives = sequence *( "|" sequence )
//   item         = TOKEN | name | "[" alternatives "]" | "(" alternatives ")" | "..."       a name may stand in "<" ">"
//
//   "key [key ...] [EX seconds | KEEPTTL]"  →  key, several · one of (seconds after EX, KEEPTTL), optional

export interface DocsArgument {
  readonly name: string
  readonly type: 'key' | 'string' | 'integer' | 'pattern' | 'pure-token' | 'oneof' | 'block'
  readonly token?: string
  readonly isOptional?: boolean
  readonly isMultiple?: boolean
  readonly items?: readonly DocsArgument[]
}

const integers = new Set([
  ...['count', 'cursor', 'index', 'offset', 'start', 'end', 'increment', 'timeout', 'numreplicas', 'protover'],
  ...['seconds', 'milliseconds', 'n', 'limit', 'entries', 'bytes', 'id']
])

/** The arguments that a usage names; those of words that are none of this form are left out. */
export function argumentsOf(usage: string): DocsArgument[] {
  const words = usage.match(/\.\.\.|[[\]()|]|[^\s[\]()|]+/g) ?? []
  return new Parser(words).sequence()
}

class Parser {
  readonly #words: readonly string[]
  #at = 0

  constructor(words: readonly string[]) {
    this.#words = words
  }

  /** Up to "|", or the end of the group. */
  sequence(): DocsArgument[] {
    const items: DocsArgument[] = []
    for (let word = this.#words[this.#at]; word !== undefined && !'|])'.includes(word); word = this.#words[this.#at]) {
      this.#at++
      if (word === '...') repeatLast(items)
      else if (word === '[') add(items, { ...this.#group(), isOptional: true })
      else if (word === '(') add(items, this.#group())
      else add(items, isToken(word) ? tokenOf(word) : nameOf(word))
    }
    return items
  }

  #group(): DocsArgument {
    const alternatives = [blockOf(this.sequence())]
    while (this.#words[this.#at] === '|') {
      this.#at++
      alternatives.push(blockOf(this.sequence()))
    }
    this.#at++
    const [only] = alternatives
    if (alternatives.length === 1 && only !== undefined) return only
    return { name: 'option', type: 'oneof', items: alternatives }
  }
}

const isToken = (word: string): boolean => /^[A-Z][A-Z-]*$/.test(word)

const tokenOf = (token: string): DocsArgument => ({ name: token.toLowerCase(), type: 'pure-token', token })

function nameOf(word: string): DocsArgument {
  const name = word.replace(/^<|>$/g, '')
  if (name === 'key' || name === 'newkey') return { name, type: 'key' }
  if (name === 'pattern') return { name, type: 'pattern' }
  return { name, type: integers.has(name) ? 'integer' : 'string' }
}

function blockOf(items: readonly DocsArgument[]): DocsArgument {
  const [only] = items
  if (items.length === 1 && only !== undefined) return only
  return { name: items.map(({ name }) => name).join('_'), type: 'block', items }
}

/** A name after a token is the token's; a group that repeats what stands before it makes that repeated. */
function add(items: DocsArgument[], item: DocsArgument): void {
  const last = items.at(-1)
  const isPlain = item.items === undefined && item.token === undefined && item.isOptional !== true
  if (last?.type === 'pure-token' && last.token !== undefined && last.isOptional !== true && isPlain) {
    items[items.length - 1] = { ...item, token: last.token }
    return
  }
  const repeated = item.isOptional === true && item.isMultiple === true ? repeatedBy(items, item) : 0
  if (repeated === 0) {
    items.push(item)
    return
  }
  items.push({ ...blockOf(items.splice(items.length - repeated)), isMultiple: true })
}

/** How many of the last items a repeated group names again. */
function repeatedBy(items: readonly DocsArgument[], group: DocsArgument): number {
  const again = group.type === 'block' ? (group.items ?? []) : [group]
  const before = items.slice(items.length - again.length)
  return before.length === again.length && again.every(({ name }, i) => before[i]?.name === name) ? again.length : 0
}

/** "a b ..." in a group: all of it comes again. */
function repeatLast(items: DocsArgument[]): void {
  if (items.length > 0) items.splice(0, items.length, { ...blockOf([...items]), isMultiple: true })
}
