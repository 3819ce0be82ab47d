// What a back end does with @segment/analytics-node: HOST, KEY by environment, packages by NODE_PATH.
const { Analytics } = require('@segment/analytics-node')

const analytics = new Analytics({ writeKey: process.env.KEY, host: process.env.HOST, maxRetries: 3 })
analytics.on('error', (error) => {
  console.error(error)
  process.exitCode = 1
})
analytics.identify({ userId: 'u-104', anonymousId: 'a-1', traits: { email: 'ann.lee@example.com', name: 'Ann Lee' } })
analytics.track({
  userId: 'u-104',
  event: 'Order Completed',
  properties: { order_id: 'o-1', revenue: 39.95, currency: 'EUR', products: [{ product_id: 'poster-aurora' }] },
})
analytics.closeAndFlush({ timeout: 20000 })
