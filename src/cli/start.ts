#!/usr/bin/env node
/** `npm start` on a bare clone: a rehearsal. What is given after `--` are its flags. */

process.argv.splice(2, 0, 'rehearse');
await import('./main.js');
