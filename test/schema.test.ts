import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { playbookJsonSchema } from '../src/domain/plan/playbook-schema.js';
import { stepKinds } from '../src/steps/index.js';

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');

it('schema/playbook.schema.json is what the code says (npm run schema writes it anew)', () => {
  expect(JSON.parse(read('schema/playbook.schema.json'))).toEqual(JSON.parse(JSON.stringify(playbookJsonSchema(stepKinds))));
});

it('playbooks/README.md has every key of a playbook and every kind of step', () => {
  const readme = read('playbooks/README.md');
  const schema = playbookJsonSchema(stepKinds) as { properties: { steps: { items: { properties: Record<string, unknown> } } } };
  const words = [...Object.keys(schema.properties), ...Object.keys(schema.properties.steps.items.properties), ...stepKinds.keys()];
  expect(words.filter((word) => !readme.includes(`\`${word}\``))).toEqual([]);
});
