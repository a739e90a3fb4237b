/** A provider file that no provider has. */

/** The smallest valid file with these members. */
export function fileWith(members: object): string {
  const example = { accessToken: 'at-1', refreshToken: null, expiresIn: 3600 };
  return JSON.stringify({
    id: 'invented',
    name: 'Invented',
    docs: 'https://docs.example.com',
    checked: '2026-11-30',
    sources: { token: 'https://docs.example.com' },
    unknown: [
      'inputs',
      'authorization',
      'answer',
      'renewal',
      'lives',
      'rotation',
      'replay',
      'notBefore',
      'errors',
      'identity',
      'revocation',
      'validation',
      'limits',
    ],
    token: { url: 'https://as.example.com/token', clientAuthentication: ['client_secret_post'] },
    authorization: { url: 'https://as.example.com/authorize' },
    lives: { access: '1h' },
    examples: {
      refresh: {
        refreshToken: 'rt-1',
        request: { url: 'https://as.example.com/token', form: {}, query: {}, json: {} },
      },
      grants: Object.fromEntries(
        Object.keys('grants' in members ? Object(members.grants) : {}).map((grantType) => [
          grantType,
          { request: { url: 'https://as.example.com/token' } },
        ]),
      ),
      answers: [{ body: {}, ...example }],
      refusals: [{ status: 400, body: {}, means: 'invalid_grant' }],
      callbacks: [{ parameters: {}, accepted: false }],
    },
    ...members,
  });
}
