// A line of text that says whether it is whole: crc32c of the content (8 hex digits) · space · content · newline.
// The manifest's edits, CURRENT and IDENTITY are such lines.

import native from '#native'

const checksum = (content: Buffer): string => (native.crc32c(content) >>> 0).toString(16).padStart(8, '0')

/** The content as a line, its newline included. */
export function checkedLine(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${checksum(content)} `), content, Buffer.from('\n')])
}

/** The content of a line without its newline; undefined where it is not what was written. */
export function contentOf(line: Buffer): Buffer | undefined {
  const content = line.subarray(9)
  if (line.length < 10 || line[8] !== 0x20 || line.latin1Slice(0, 8) !== checksum(content)) return undefined
  return content
}

/** The content of a file that holds one line and nothing else. */
export function contentOfFile(bytes: Buffer): Buffer | undefined {
  return bytes.at(-1) === 10 ? contentOf(bytes.subarray(0, -1)) : undefined
}
