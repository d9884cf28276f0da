// A line of `varve shell` → words, as redis-cli has it: 'as it is', "with escapes \n \t \x00 \" \\", and both may stand in the
// middle of a word.

export type Words =
  | { readonly ok: true; readonly words: readonly Buffer[] }
  | { readonly ok: false; readonly fault: string }

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }

export function wordsOf(line: string): Words {
  const words: Buffer[] = []
  let at = 0
  while (at < line.length) {
    if (/\s/.test(line[at] ?? '')) {
      at++
      continue
    }
    const parts: Buffer[] = []
    while (at < line.length && !/\s/.test(line[at] ?? '')) {
      const quote = line[at]
      const end = quote === '"' || quote === "'" ? quotedPart(line, at + 1, quote, parts) : plainPart(line, at, parts)
      if (end === undefined) return { ok: false, fault: `the quote ${quote} is not closed` }
      at = end
    }
    words.push(Buffer.concat(parts))
  }
  return { ok: true, words }
}

function plainPart(line: string, from: number, parts: Buffer[]): number {
  const [text = ''] = /^[^\s"']+/.exec(line.slice(from)) ?? []
  parts.push(Buffer.from(text))
  return from + text.length
}

/** Where the line goes on behind the quote; undefined: it is not closed. */
function quotedPart(line: string, from: number, quote: string, parts: Buffer[]): number | undefined {
  for (let at = from; at < line.length; ) {
    const character = String.fromCodePoint(line.codePointAt(at) ?? 0)
    if (character === quote) return at + 1
    if (character === '\\' && (quote === '"' || line[at + 1] === "'")) {
      const hex = quote === '"' ? /^x([0-9a-f]{2})/i.exec(line.slice(at + 1, at + 4))?.[1] : undefined
      const next = line[at + 1] ?? ''
      parts.push(
        hex === undefined ? Buffer.from(quote === '"' ? (escapes[next] ?? next) : next) : Buffer.from(hex, 'hex')
      )
      at += hex === undefined ? 2 : 4
    } else {
      parts.push(Buffer.from(character))
      at += character.length
    }
  }
  return undefined
}
