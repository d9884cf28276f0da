// Numbers as Redis' INCRBYFLOAT has them: x86's long double, of 64 bits of mantissa, read as strtold reads and written with at most
// 17 decimal places. Sums of such numbers differ from those of JavaScript's (10.1 + 0.2 is "10.3" here), and what a client
// stored with Redis must go on in the same way. Everything is exact in integers and rounded once, to the nearest, to even.

/** mantissa × 2^exponent; infinite ones have no mantissa. */
export interface LongDouble {
  readonly isNegative: boolean
  readonly mantissa: bigint
  readonly exponent: number
  readonly isInfinite: boolean
}

const mantissaBits = 64
/** Of the lowest bit of the smallest numbers, and of the largest. */
const exponentMin = -16_445
const exponentMax = 16_320
/** Decimal exponents outside are infinite, or zero. */
const magnitudeMax = 4_934
const magnitudeMin = -4_980
const textBytesMax = 5 * 1_024
const decimalPlaces = 17
const decimalScale = 10n ** BigInt(decimalPlaces)

const decimal = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:e([+-]?\d+))?$/i
const hexadecimal = /^([+-]?)0x(?:([\da-f]+)(?:\.([\da-f]*))?|\.([\da-f]+))(?:p([+-]?\d+))?$/i
const infinite = /^([+-]?)inf(?:inity)?$/i

/** The number that a text says; undefined: none, or one too large or too small. */
export function longDoubleOf(bytes: Uint8Array): LongDouble | undefined {
  if (bytes.length === 0 || bytes.length >= textBytesMax) return undefined
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  const isNegative = text.startsWith('-')
  if (infinite.test(text)) return { isNegative, mantissa: 0n, exponent: 0, isInfinite: true }
  const parsed = decimal.exec(text)
  const number = parsed === null ? hexadecimalOf(text, isNegative) : decimalOf(parsed, isNegative)
  return number?.isInfinite === true ? undefined : number
}

interface Digits {
  readonly digits: string
  readonly exponent: number
}

function digitsOf([, , whole = '', fraction = '', onlyFraction = '', exponent = '0']: readonly string[]): Digits {
  return { digits: whole + fraction + onlyFraction, exponent: Number(exponent) }
}

const placesOf = ([, , , fraction = '', onlyFraction = '']: readonly string[]): number =>
  fraction.length + onlyFraction.length

function decimalOf(parsed: readonly string[], isNegative: boolean): LongDouble | undefined {
  const { digits, exponent } = digitsOf(parsed)
  const significant = digits.replace(/^0+/, '')
  if (significant === '') return { isNegative, mantissa: 0n, exponent: 0, isInfinite: false }
  const shift = exponent - placesOf(parsed)
  const magnitude = significant.length + shift
  if (magnitude > magnitudeMax || magnitude < magnitudeMin) return undefined
  const number = BigInt(significant)
  const power = 10n ** BigInt(Math.abs(shift))
  return nonZero(shift >= 0 ? rounded(isNegative, number * power, 1n) : rounded(isNegative, number, power))
}

function hexadecimalOf(text: string, isNegative: boolean): LongDouble | undefined {
  const parsed = hexadecimal.exec(text)
  if (parsed === null) return undefined
  const { digits, exponent } = digitsOf(parsed)
  const number = BigInt(`0x${digits}`)
  if (number === 0n) return { isNegative, mantissa: 0n, exponent: 0, isInfinite: false }
  const shift = exponent - 4 * placesOf(parsed)
  if (Math.abs(shift) > 50_000) return undefined
  const power = 1n << BigInt(Math.abs(shift))
  return nonZero(shift >= 0 ? rounded(isNegative, number * power, 1n) : rounded(isNegative, number, power))
}

/** Too small to be told from zero is no number, as too large is. */
const nonZero = (number: LongDouble): LongDouble | undefined =>
  number.mantissa === 0n && !number.isInfinite ? undefined : number

/** The sum; undefined where it is infinite or none. */
export function sumOf(a: LongDouble, b: LongDouble): LongDouble | undefined {
  if (a.isInfinite || b.isInfinite) return undefined
  const exponent = Math.min(a.exponent, b.exponent)
  const sum = scaled(a, exponent) + scaled(b, exponent)
  const isNegative = sum < 0n
  const size = isNegative ? -sum : sum
  const number =
    exponent >= 0
      ? rounded(isNegative, size << BigInt(exponent), 1n)
      : rounded(isNegative, size, 1n << BigInt(-exponent))
  return number.isInfinite ? undefined : number
}

function scaled({ isNegative, mantissa, exponent: own }: LongDouble, exponent: number): bigint {
  const size = mantissa << BigInt(own - exponent)
  return isNegative ? -size : size
}

/** Without an exponent, with as many decimal places as are needed and at most 17. */
export function textOf({ isNegative, mantissa, exponent }: LongDouble): string {
  const scaledUp = mantissa * decimalScale
  const whole = exponent >= 0 ? scaledUp << BigInt(exponent) : divided(scaledUp, 1n << BigInt(-exponent))
  const digits = whole.toString().padStart(decimalPlaces + 1, '0')
  const integer = digits.slice(0, -decimalPlaces)
  const fraction = digits.slice(-decimalPlaces).replace(/0+$/, '')
  const size = fraction === '' ? integer : `${integer}.${fraction}`
  return isNegative && size !== '0' ? `-${size}` : size
}

/** The number of this format that is nearest to the quotient. */
function rounded(isNegative: boolean, dividend: bigint, divisor: bigint): LongDouble {
  if (dividend === 0n) return { isNegative, mantissa: 0n, exponent: 0, isInfinite: false }
  const estimate = bitsOf(dividend) - bitsOf(divisor) - mantissaBits
  let exponent = Math.max(estimate, exponentMin)
  let mantissa = atExponent(dividend, divisor, exponent)
  if (bitsOf(mantissa) > mantissaBits) mantissa = atExponent(dividend, divisor, ++exponent)
  if (bitsOf(mantissa) > mantissaBits) {
    // Rounded up to the next power of two.
    mantissa >>= 1n
    exponent++
  }
  return { isNegative, mantissa, exponent, isInfinite: exponent > exponentMax }
}

const atExponent = (dividend: bigint, divisor: bigint, exponent: number): bigint =>
  exponent >= 0 ? divided(dividend, divisor << BigInt(exponent)) : divided(dividend << BigInt(-exponent), divisor)

/** Rounded to the nearest, and to the even one of two. */
function divided(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor
  const twice = 2n * (dividend - quotient * divisor)
  const isUp = twice > divisor || (twice === divisor && (quotient & 1n) === 1n)
  return isUp ? quotient + 1n : quotient
}

function bitsOf(number: bigint): number {
  const digits = number.toString(16)
  return 4 * digits.length - Math.clz32(Number.parseInt(digits[0] as string, 16)) + 28
}
