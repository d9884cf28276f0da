// Certificates of a test, made by openssl in a directory.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Paths of PEM files. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

export type Certificates = Readonly<Record<'ca' | 'first' | 'second' | 'client' | 'stranger', Pair>>

/** One run of openssl a certificate: keys of elliptic curves are made at once. */
export function makeCertificates(directory: string): Certificates {
  const run = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const make = (name: string, signer?: string): Pair => {
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
    const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    const signed = signer === undefined ? [] : ['-CA', `${signer}.pem`, '-CAkey', `${signer}-key.pem`]
    const extension = signer === undefined ? [] : ['-addext', 'basicConstraints=critical,CA:FALSE']
    run(...made, ...names, ...extension, ...signed, '-keyout', `${name}-key.pem`, '-out', `${name}.pem`)
    return { cert: join(directory, `${name}.pem`), key: join(directory, `${name}-key.pem`) }
  }
  return {
    ca: make('ca'),
    first: make('first', 'ca'),
    second: make('second', 'ca'),
    client: make('client', 'ca'),
    stranger: make('stranger')
  }
}
