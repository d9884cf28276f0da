// Methods of Buffer that its types leave out: text of one encoding, without naming it.

declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string
    utf8Slice(start: number, end: number): string
    latin1Write(text: string, offset: number): number
    utf8Write(text: string, offset: number): number
  }
}

/** What a caller may pass where a Buffer comes back: any Uint8Array. */
export type Input<Given> = Given extends Buffer ? Uint8Array : Given
