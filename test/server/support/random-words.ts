// The words that random commands are made of: few keys, so that commands meet, and what Redis may take for a number or not.

export type Word = string | Buffer

export const keys: readonly Word[] = [
  ...Array.from({ length: 24 }, (_, i) => `key:${i}`),
  ...Array.from({ length: 8 }, (_, i) => `user:${i}`),
  'a',
  'b',
  'a b',
  '',
  '[x]',
  'a*b',
  'back\\slash',
  'k'.repeat(300),
  Buffer.from([0]),
  Buffer.from([0xff, 0xfe]),
  Buffer.from('a\0b'),
  Buffer.from('line\r\nbreak')
]

export const integers = [
  '0',
  '1',
  '-1',
  '7',
  '10',
  '100',
  '-100',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775806',
  '9223372036854775808',
  '-9223372036854775809',
  '18446744073709551616',
  '1e3',
  '01',
  '+1',
  '-0',
  ' 1',
  '1 ',
  '',
  'abc',
  '1.5',
  '٣'
]

export const floats = [
  '0.1',
  '0.2',
  '-0.1',
  '1.5',
  '10.5',
  '3.0e3',
  '5.0e-3',
  '-5.25',
  '1e17',
  '1e18',
  '1e-17',
  '1e-18',
  '123456789.123456789',
  '0',
  '-0',
  '1e300',
  '-1e300',
  '1e4932',
  '1e4933',
  '-1e4932',
  '1e-4950',
  '1e-5000',
  'inf',
  '-inf',
  '+Infinity',
  'nan',
  '0x10',
  '0x1.8p3',
  '0x',
  '.5',
  '5.',
  '.',
  '1e',
  '1e+2',
  ' 1',
  '1 ',
  '',
  'abc',
  '99999999999999999999',
  '0.30000000000000004',
  '9007199254740993',
  '3.14159265358979323846'
]

export const texts: readonly Word[] = [
  'hello',
  'world',
  '',
  'x',
  'some longer text with spaces',
  'line\r\nbreak',
  'v'.repeat(1_000),
  Buffer.from([0, 1, 2, 255, 254]),
  'héllo',
  '-ERR no',
  '$5\r\nhello\r\n'
]

/** Far from now, and far from each other: nothing expires while the test runs, and nothing depends on a millisecond. */
export const farSeconds = ['4000000000', '4100000000', '5000000000', '9000000000']
export const farMs = ['4000000000123', '4100000000000', '5000000000999', '9000000000500']
export const pastSeconds = ['1', '1000000000', '0', '-1', '-5000']
export const badSeconds = [
  '9223372036854775807',
  '9223372036854776',
  '-9223372036854775808',
  'abc',
  '',
  '1.5',
  ' 1',
  '01',
  '+1'
]
export const relativeSeconds = ['90000', '500000', '1000000', '123456789']
export const relativeMs = ['100000000', '500000000', '1000000000', '123456789012']

export const patterns = [
  '*',
  'key:*',
  'user:?',
  'key:1*',
  '*1*',
  'key:[0-3]',
  'key:[^0-3]*',
  'user:[13]',
  '[a-',
  '[',
  'a\\*b',
  '\\',
  '**',
  '?*',
  'k*k',
  '*[^x]',
  '[\\]x]*',
  '[[]x]',
  'a*b*',
  '[b-a]',
  '',
  'key:7',
  '*:*:*',
  '[^]*',
  'back\\\\slash',
  '[\xf0-\x80]*',
  '[a-\\]*'
]
