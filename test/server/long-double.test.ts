// Numbers with fractions as Redis adds them. Random ones are compared with Redis itself in differential.test.ts.
import { expect, test } from 'vitest'
import { longDoubleOf, sumOf, textOf } from '../../server/commands/long-double.ts'

function add(a: string, b: string): string | undefined {
  const [first, second] = [longDoubleOf(Buffer.from(a)), longDoubleOf(Buffer.from(b))]
  const sum = first === undefined || second === undefined ? undefined : sumOf(first, second)
  return sum === undefined ? undefined : textOf(sum)
}

test.each([
  ['10.50', '0.1', '10.6'],
  ['0.1', '0.2', '0.3'],
  ['5.0e3', '200', '5200'],
  ['-0.1', '0.1', '0'],
  ['-1', '0.5', '-0.5'],
  ['9007199254740993', '0', '9007199254740993'],
  ['18446744073709551615', '1', '18446744073709551616'],
  ['18446744073709551616', '1', '18446744073709551616'],
  ['1e-17', '0', '0.00000000000000001'],
  ['1e-18', '0', '0'],
  ['-1e-18', '0', '0'],
  ['3.14159265358979323846', '0', '3.14159265358979324'],
  ['0x1.8p3', '0', '12'],
  ['1e20', '1', '100000000000000000000'],
  ['.5', '5.', '5.5']
])('%s and %s make %s', (a, b, sum) => {
  expect(add(a, b)).toBe(sum)
})

test('the largest numbers have all their digits, and what is larger is none', () => {
  const largest = '1.18973149535723176502e4932'
  expect(add(largest, '0')).toMatch(/^11897314953572317650\d{4913}$/)
  expect(add(largest, largest)).toBe(undefined)
  expect(longDoubleOf(Buffer.from('1.19e4932'))).toBe(undefined)
  expect(longDoubleOf(Buffer.from('2e-4951'))).toBeDefined()
  expect(longDoubleOf(Buffer.from('1e-4951'))).toBe(undefined)
  expect(add('inf', '1')).toBe(undefined)
})

test.each(['', ' 1', '1 ', 'abc', 'nan', '1e', '0x', '.', '-', '1.2.3', '1,5', '1'.repeat(5_120), '1e99999999999'])(
  '%j is no number',
  (text) => {
    expect(longDoubleOf(Buffer.from(text))).toBe(undefined)
  }
)
