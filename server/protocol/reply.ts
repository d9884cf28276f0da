// What a command answers, before a codec makes bytes of it.

export type Reply =
  | { readonly kind: 'ok' }
  | { readonly kind: 'pong' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'value'; readonly value: Uint8Array }
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  | { readonly kind: 'error'; readonly message: string }

export const ok: Reply = { kind: 'ok' }
export const pong: Reply = { kind: 'pong' }
export const missing: Reply = { kind: 'missing' }
export const valueReply = (value: Uint8Array): Reply => ({ kind: 'value', value })
export const linesReply = (lines: readonly string[]): Reply => ({ kind: 'lines', lines })
export const errorReply = (message: string): Reply => ({ kind: 'error', message })
