// The text of INFO: "# Title", a line "name:value" for each field, an empty line between sections.
import type { Reply } from '../protocol/reply.ts'
import type { ServerView } from './caller.ts'

export type Fields = readonly (readonly [name: string, value: string | number])[]

export interface Section {
  readonly title: string
  /** Only told to those who ask for it. */
  readonly isExtra?: boolean
  readonly fields: (view: ServerView) => Fields
}

export function textOfSections(sections: readonly Section[], view: ServerView): Reply {
  const texts = sections.map(({ title, fields }) =>
    [`# ${title}\r\n`, ...fields(view).map(([name, value]) => `${name}:${value}\r\n`)].join('')
  )
  return { kind: 'text', text: texts.join('\r\n') }
}
