// Redis Cluster's name of a node: 40 hexadecimal digits, made of the member's id.
import { createHash } from 'node:crypto'

export const nodeIdOf = (memberId: string): string => createHash('sha1').update(memberId).digest('hex')
