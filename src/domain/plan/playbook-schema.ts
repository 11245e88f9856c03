/** JSON Schema (draft 2020-12) of playbooks, for editors: the keys of a playbook, and for each kind its parameters. */

import { z } from 'zod';
import { playbookSchema } from './playbook.js';

interface JsonObject {
  [key: string]: unknown;
}

/** What a person writes, not what a program makes of it: durations are text. */
const options = { io: 'input', target: 'draft-2020-12', unrepresentable: 'any' } as const;

export function playbookJsonSchema(kinds: ReadonlyMap<string, { readonly params: z.ZodType }>): JsonObject {
  const schema = z.toJSONSchema(playbookSchema, options) as unknown as { properties: { steps: { items: { properties: JsonObject } & JsonObject } } } & JsonObject;
  const step = schema.properties.steps.items;
  step.properties.kind = { ...(step.properties.kind as JsonObject), enum: [...kinds.keys()] };
  step.allOf = [...kinds].map(([name, kind]) => {
    const { $schema: _, ...params } = z.toJSONSchema(kind.params, options) as JsonObject;
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    return { if: { properties: { kind: { const: name } } }, then: { properties: { params } } };
  });
  return { ...schema, title: 'Playbook of rotate-ca' };
}
