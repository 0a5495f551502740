// What the mail channel needs of nodemailer, in one piece that is loaded when the first mail is sent.
export { createTransport } from "nodemailer";
export { default as DKIM } from "nodemailer/lib/dkim";
export { default as MailComposer } from "nodemailer/lib/mail-composer";
export { encodeWords, foldLines } from "nodemailer/lib/mime-funcs";
export type { default as SMTPPool } from "nodemailer/lib/smtp-pool";
