/**
 * nginx before processes of the service, as an operator sets it up: `docs/operating/proxies.md` shows the same lines.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endProcess } from './child-process.js'
import { requireProgram } from './machine-program.js'

export interface Nginx extends AsyncDisposable {
  url: string
}

/** @throws Error that names the one command to run, where nginx is not installed */
export async function startNginx(port: number, upstreamPorts: number[], directory: string): Promise<Nginx> {
  const program = requireProgram({
    find: () => ['nginx', '/usr/sbin/nginx'].find((name) => spawnSync(name, ['-v']).status === 0),
    debianPackage: 'nginx-light',
    lack: 'This test needs nginx. Install it',
  })
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'nginx.conf')
  writeFileSync(file, configuration(port, upstreamPorts, directory))
  const child = spawn(program, ['-p', directory, '-c', file, '-e', join(directory, 'error.log')], {
    stdio: 'ignore',
  })
  const url = `http://127.0.0.1:${port}`
  await untilAnswers(url, child)
  return { url, [Symbol.asyncDispose]: () => endProcess(child, 'SIGTERM') }
}

const configuration = (port: number, upstreamPorts: number[], directory: string) => `
daemon off;
pid ${directory}/nginx.pid;
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
  upstream api {
    ${upstreamPorts.map((upstreamPort) => `server 127.0.0.1:${upstreamPort} max_fails=0;`).join(' ')}
    keepalive 32;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`

async function untilAnswers(url: string, { exitCode }: ChildProcess): Promise<void> {
  for (;;) {
    const answer = await fetch(url).catch(() => undefined)
    await answer?.arrayBuffer()
    if (answer !== undefined || exitCode !== null) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
