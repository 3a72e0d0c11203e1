// SPDX-License-Identifier: Apache-2.0
'use strict';

// Two small services of a workspace: its health on one port, its files on another. What they are told
// comes from the environment.

const fs = require('fs/promises');
const http = require('http');
const path = require('path');

const WORKSPACE = process.env.WORKSPACE_DIR || '/workspace';
const OPEN = process.env.AUTH_DISABLED === 'true';
const TOKEN = process.env.AUTH_TOKEN || '';
// In a machine of its own a workspace is alone; in a container, seats share one address.
const PREFIX = process.env.MICROVM_MODE === 'true' ? '' : '/vm/[0-9]+';

function allowed(request) {
	return OPEN || (TOKEN !== '' && request.headers.authorization === `Bearer ${TOKEN}`);
}

async function health() {
	return { status: 'ok', workspace: WORKSPACE };
}

// A folder of the workspace: "?path=notes/today". A link that leads out of it is not followed.
async function files(url) {
	const root = await fs.realpath(WORKSPACE);
	const folder = await fs.realpath(path.join(root, url.searchParams.get('path') || '.'));
	if (folder !== root && !folder.startsWith(root + path.sep))
		throw Object.assign(new Error('not in the workspace'), { code: 'ENOENT' });
	const entries = await fs.readdir(folder, { withFileTypes: true });
	const list = entries.map((entry) => ({
		name: entry.name,
		type: entry.isDirectory() ? 'directory' : entry.isFile() ? 'file' : 'other',
	}));
	return { files: list.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

function statusOf(error) {
	return ['ENOENT', 'ENOTDIR', 'EACCES', 'ERR_INVALID_ARG_VALUE'].includes(error.code) ? 404 : 500;
}

function reply(response, status, body) {
	response.writeHead(status, { 'Content-Type': 'application/json' });
	response.end(JSON.stringify(body));
}

function serve(port, name, handler, needsAuth) {
	const route = new RegExp(`^${PREFIX}/${name}$`);
	const server = http.createServer(async (request, response) => {
		try {
			const url = new URL(request.url, 'http://workspace');
			if (request.method !== 'GET' || !route.test(url.pathname))
				reply(response, 404, { error: 'no such route' });
			else if (needsAuth && !allowed(request))
				reply(response, 401, { error: 'not allowed' });
			else
				reply(response, 200, await handler(url));
		} catch (error) {
			reply(response, statusOf(error), { error: error.code || 'bad request' });
		}
	});
	server.listen(port, () => console.log(`${name}: listening on port ${port}`));
	return server;
}

const servers = [serve(3001, 'health', health, false), serve(3002, 'files', files, true)];

process.on('SIGTERM', () => {
	console.log('stopping');
	for (const server of servers) {
		server.close();
		if (server.closeIdleConnections)
			server.closeIdleConnections();
	}
});
