// Asks members in the line protocol, from where it runs: a line of JSON in, {id, host, port, text, waitMs}, a line out once the
// member has answered and closed, or the time is over: {id, answer}.
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

function ask({ id, host, port, text, waitMs }) {
  const socket = connect(port, host)
  let answer = ''
  const tell = () => {
    if (!timer.hasRef()) return
    clearTimeout(timer)
    timer.unref()
    socket.destroy()
    process.stdout.write(`${JSON.stringify({ id, answer })}\n`)
  }
  const timer = setTimeout(tell, waitMs)
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  socket.on('error', tell)
  socket.on('close', tell)
  socket.write(`${text}\nQUIT\n`)
}

createInterface({ input: process.stdin }).on('line', (line) => ask(JSON.parse(line)))
