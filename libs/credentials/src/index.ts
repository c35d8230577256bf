export { Authority, type KeyedCertificate, type Validity } from './authority.ts';
export { Credentials, type CredentialsOptions, type Security } from './credentials.ts';
export { componentsOf, openSecurity, type TlsConfig, tlsFields, tlsProblems } from './fields.ts';
export { type CredentialFiles, type Material, readMaterial, validityProblem } from './material.ts';
export { formatPeerName, isNameable, isSamePeer, type PeerName, parsePeerName, peerNameIn } from './peer-name.ts';
