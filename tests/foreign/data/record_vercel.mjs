// Records what Vercel's AI SDK sends through OTLP, for tests/foreign/test_vercel.py.
//
//   npm install ai @ai-sdk/openai @ai-sdk/otel zod @opentelemetry/api @opentelemetry/sdk-trace-node \
//       @opentelemetry/exporter-trace-otlp-http
//   node record_vercel.mjs URL_OF_A_WIRE_SERVER OUTPUT.json [conventions]
//
// With "conventions" (ai 7) the spans have the attributes of the GenAI semantic conventions. The wire
// server must answer with a tool call, two texts to chats, one to responses, and a status of 400.
import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { generateText, streamText, tool, embed, stepCountIs } from 'ai';
import { createOpenAI } from '@ai-sdk/openai';
import { z } from 'zod';

const [url, output, form] = process.argv.slice(2);
const batches = [];
const collector = createServer((request, response) => {
  let body = '';
  request.on('data', chunk => (body += chunk));
  request.on('end', () => {
    batches.push(JSON.parse(body));
    response.setHeader('content-type', 'application/json');
    response.end('{}');
  });
});
await new Promise(resolve => collector.listen(0, '127.0.0.1', resolve));
const exporter = new OTLPTraceExporter({
  url: `http://127.0.0.1:${collector.address().port}/v1/traces`,
});
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
if (form === 'conventions') {
  const { OpenTelemetry } = await import('@ai-sdk/otel');
  (await import('ai')).registerTelemetry(new OpenTelemetry());
}

const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: 'x' });
const common = {
  maxRetries: 0,
  experimental_telemetry: {
    isEnabled: true,
    functionId: 'chat',
    metadata: { userId: 'user-1', sessionId: 's', plan: 'free' },
  },
};
const look = tool({
  description: 'Looks.',
  inputSchema: z.object({ where: z.string() }),
  execute: async ({ where }) => ({ found: `${where}!` }),
});
await generateText({
  model: openai.chat('gpt-5-mini'),
  system: 'Be kind.',
  messages: [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'I live in Lisbon.' },
        { type: 'image', image: 'iVBORw0KGgo=' },
      ],
    },
  ],
  tools: { look },
  stopWhen: stepCountIs(3),
  ...common,
});
for (const [model, prompt] of [
  [openai.chat('gpt-5-mini'), 'And who am I?'],
  [openai('gpt-5-mini'), 'Responses, please.'],
]) {
  const result = streamText({ model, prompt, ...common });
  for await (const _ of result.textStream);
}
try {
  await generateText({ model: openai.chat('gpt-5-mini'), prompt: 'Fail.', ...common });
} catch {
  // as it should
}
await embed({ model: openai.embedding('embedding-model'), value: 'Lisbon', ...common });
await provider.forceFlush();
await new Promise(resolve => setTimeout(resolve, 500));
writeFileSync(output, JSON.stringify(batches));
process.exit(0);
