#!/usr/bin/env node
/** `npm start` on a bare clone: a rehearsal, somewhat faster than usual. What is given after `--` are its flags. */

const given = process.argv.slice(2);
const saysSpeed = given.some((argument) => /^--(speed|slow|faults)(=|$)/.test(argument));
process.argv.splice(2, 0, 'rehearse', ...(saysSpeed ? [] : ['--speed', '30']));
await import('./main.js');
