import { defineConnector } from '@tenon/connector';
import { zendeskSignature } from './zendesk-signature.ts';

export default defineConnector({ webhookSchemes: { 'own-zendesk': zendeskSignature } });
