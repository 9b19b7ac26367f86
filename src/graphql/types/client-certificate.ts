/** The certificate that the endpoint of a subscription is shown. */
import type { ShownClientCertificate } from '../../model/delivery-policy.js'
import { clientCertificateForms } from '../../subscriptions/client-certificate.js'
import { builder } from '../builder.js'

export const ClientCertificate = builder.objectRef<ShownClientCertificate>('ClientCertificate').implement({
  description: 'What an endpoint is shown that asks for a client certificate. Its key is not shown here.',
  fields: (t) => ({
    subject: t.exposeString('subject', { description: 'Whose it is.' }),
    issuer: t.exposeString('issuer', { description: 'The authority that signed it.' }),
    serialNumber: t.exposeString('serialNumber', { description: 'Hexadecimal.' }),
    fingerprint256: t.exposeString('fingerprint256', { description: 'SHA-256 of the certificate.' }),
    validFrom: t.field({
      type: 'DateTime',
      description: 'From when it is valid.',
      resolve: ({ validFrom }) => new Date(validFrom),
    }),
    validTo: t.field({
      type: 'DateTime',
      description: 'When it expires.',
      resolve: ({ validTo }) => new Date(validTo),
    }),
  }),
})

export const ClientCertificateInput = builder.inputType('ClientCertificateInput', {
  description: 'A certificate and its key.',
  fields: (t) => ({
    certificate: t.string({ required: true, description: clientCertificateForms.certificate }),
    privateKey: t.string({ required: true, description: clientCertificateForms.privateKey }),
  }),
})
