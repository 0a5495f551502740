const WAITING = 2;

/** Shows the login's QR code in the terminal when the package that draws it is there, else its text. */
export async function showScan(code: string, status: number, print: (text: string) => void): Promise<void> {
  if (status !== WAITING) return;
  print(`微信扫码登录 Scan to log in:\n${await draw(code)}`);
}

async function draw(code: string): Promise<string> {
  const drawer = "qrcode";
  try {
    const { default: qr } = await import(drawer);
    return `${await qr.toString(code, { type: "terminal", small: true })}\n${code}`;
  } catch {
    return code;
  }
}
