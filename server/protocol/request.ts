// What a codec makes of a client's bytes: a request, or the reason why they are none. Every protocol decodes to this.

export type Decoded =
  | { readonly kind: 'request'; readonly name: string; readonly args: readonly Uint8Array[] }
  | { readonly kind: 'refused'; readonly reason: string }

/** What a codec must know of a command: the number of its arguments, and whether the last takes the rest of the line. */
export interface ArgumentShape {
  readonly count: number
  readonly takesRest: boolean
}
